import { validate } from 'uuid';
import type { AvatarCache } from '../../domain/avatar-cache.ts';
import type { Callers } from '../auth/caller.ts';
import type { WaitInTime } from '../graphql/time-limit.ts';
import { pathOf } from './check-request.ts';
import type { Handler } from './handler.ts';
import { refuse } from './refusal.ts';
import { inMemory, sendRepresentation } from './representation.ts';

/**
 * Serves the pictures of users: `/avatars/ID`.
 * @param waitInTime limits the time that the database and the store may take
 */
export function createAvatarHandler(
  avatars: Pick<AvatarCache, 'picture'>,
  callers: Callers,
  waitInTime: WaitInTime,
): Handler {
  return async (request, response) => {
    const [, userId = ''] = /^\/avatars\/([\da-f-]{36})$/.exec(pathOf(request)) ?? [];
    const arrivedAt = performance.now();
    const caller = callers.read(request);
    const picture = validate(userId) ? await waitInTime(arrivedAt, avatars.picture(userId, caller)) : null;
    if (picture === null) return refuse(response, { status: 404, message: 'User not found.' });
    const { etag, type, body } = picture;
    const headers = {
      'content-type': type,
      'cache-control': 'public, max-age=3600',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    };
    await sendRepresentation(request, response, { headers, etag, ...inMemory(body) });
  };
}
