import { validate } from 'uuid';
import type { AvatarCache } from '../../domain/avatar-cache.ts';
import type { Callers } from '../auth/caller.ts';
import type { Handler } from './handler.ts';

/** Serves the pictures of users: `/avatars/ID`. */
export function createAvatarHandler(avatars: Pick<AvatarCache, 'picture'>, callers: Callers): Handler {
  return async (request, response) => {
    const [, userId = ''] = /^\/avatars\/([\da-f-]{36})(?:$|\?)/.exec(request.url ?? '') ?? [];
    const picture = validate(userId) ? await avatars.picture(userId, callers.read(request)) : null;
    if (picture === null) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('User not found.\n');
      return;
    }
    const { etag } = picture;
    const headers = {
      etag,
      'content-type': picture.type,
      'cache-control': 'public, max-age=3600',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      'cross-origin-resource-policy': 'cross-origin',
    };
    if (request.headers['if-none-match'] === etag) response.writeHead(304, headers).end();
    else response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : picture.body);
  };
}
