import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { Uploads } from '../../api/domain/uploads.ts';
import { UnavailableError } from '../../api/errors.ts';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import type { Domain } from '../../schema/domain.ts';
import { startGateway } from '../support/gateway.ts';

type Files = Pick<Uploads, 'findFile' | 'read' | 'readUrl'>;
let running: Awaited<ReturnType<typeof startGateway>>;

/** Starts a gateway over a store in which every file has five bytes, with some methods overridden. */
async function serve(overrides: Partial<Files> & { picture?: Domain['avatars']['picture'] }): Promise<string> {
  const uploads = {
    maxBytes: 1_000,
    urls: { isValid: () => true },
    findFile: async () => ({ key: 'file/a', filename: 'a', mimetype: 'video/mp4', size: 5 }),
    readUrl: async () => null,
    read: async (_key: string, { start, end }: { start: number; end: number }) =>
      Readable.from([Buffer.from('Hello').subarray(start, end + 1)]),
    ...overrides,
  };
  const avatars = { picture: overrides.picture };
  running = await startGateway({ domain: { uploads, avatars } as unknown as Domain });
  return running.url;
}
afterEach(() => running.gateway.stop());

const get = (url: string, init: RequestInit = {}) =>
  fetch(`${url}/files/${randomUUID()}/file/a?expires=${Date.now() + 60_000}`, { redirect: 'manual', ...init });
const errors = () => running.backstage.logger.lines.filter(({ level }) => level === 'error');

describe('a file that cannot be served', () => {
  it('because its object is missing is 404', async () => {
    const response = await get(await serve({ read: async () => null }));
    expect([response.status, response.headers.get('cache-control')]).toEqual([404, 'no-store']);
    expect(errors()).toEqual([]);
  });

  it.each<[string, Partial<Files>]>([
    ['the database is unavailable', { findFile: () => Promise.reject(new DatabaseUnavailableError('refused')) }],
    ['the store is unavailable', { read: () => Promise.reject(new UnavailableError('refused')) }],
  ])('because %s is 503, to be retried', async (_, unavailable) => {
    const response = await get(await serve(unavailable));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(errors()).toEqual([]);
  });

  it('because of any other error is 500, without details', async () => {
    const response = await get(await serve({ findFile: () => Promise.reject(new Error('a secret')) }));
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('secret')]);
    expect(errors()).toHaveLength(1);
  });
});

it('an avatar is 503 while the database is unavailable', async () => {
  const url = await serve({ picture: () => Promise.reject(new DatabaseUnavailableError('refused')) });
  expect((await fetch(`${url}/avatars/${randomUUID()}`)).status).toBe(503);
  expect(errors()).toEqual([]);
});

it('an avatar is loaded for the address of its client, and not sent again to one that has it', async () => {
  const addresses: string[] = [];
  const url = await serve({
    async picture(_userId, { address }) {
      addresses.push(address);
      return { type: 'image/webp', body: Buffer.from('webp'), etag: '"tag"' };
    },
  });
  const avatar = `${url}/avatars/${randomUUID()}`;
  const response = await fetch(avatar);
  expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([200, '"tag"', 'webp']);
  expect((await fetch(avatar, { headers: { 'if-none-match': '"tag"' } })).status).toBe(304);
  expect(addresses).toEqual(['127.0.0.1', '127.0.0.1']);
});

it('GET redirects to the store if clients read from it, and HEAD does not', async () => {
  const url = await serve({ readUrl: async () => 'https://store.example.org/file/a' });
  expect((await get(url)).status).toBe(307);
  const head = await get(url, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
});
