import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { Uploads } from '../../api/domain/uploads.ts';
import { UnavailableError } from '../../api/errors.ts';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import type { Domain } from '../../schema/domain.ts';
import { startGateway } from '../support/gateway.ts';

type Served = Pick<Uploads, 'findFile' | 'read' | 'readUrl'>;
let running: Awaited<ReturnType<typeof startGateway>>;

/** A gateway over a store in which every file has five bytes, but for what differs. */
async function serve(differing: Partial<Served> & { picture?: () => Promise<never> }): Promise<string> {
  const uploads = {
    maxBytes: 1_000,
    urls: { isValid: () => true },
    findFile: async () => ({ key: 'file/a', filename: 'a', mimetype: 'video/mp4', size: 5 }),
    readUrl: async () => null,
    read: async (_key: string, { start, end }: { start: number; end: number }) =>
      Readable.from([Buffer.from('Hello').subarray(start, end + 1)]),
    ...differing,
  };
  const avatars = { picture: differing.picture };
  running = await startGateway({ domain: { uploads, avatars } as unknown as Domain });
  return running.url;
}
afterEach(() => running.gateway.stop());

const get = (url: string, init: RequestInit = {}) =>
  fetch(`${url}/files/${randomUUID()}/file/a?expires=${Date.now() + 60_000}`, { redirect: 'manual', ...init });
const errors = () => running.backstage.logger.lines.filter(({ level }) => level === 'error');

describe('a file that cannot be given', () => {
  it('because its object is gone is not there', async () => {
    const answer = await get(await serve({ read: async () => null }));
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-store']);
    expect(errors()).toEqual([]);
  });

  it.each<[string, Partial<Served>]>([
    ['the database is away', { findFile: () => Promise.reject(new DatabaseUnavailableError('refused')) }],
    ['the store is away', { read: () => Promise.reject(new UnavailableError('refused')) }],
  ])('because %s is to be asked for again', async (_, away) => {
    const answer = await get(await serve(away));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(errors()).toEqual([]);
  });

  it('is a fault of the server for any other reason', async () => {
    const answer = await get(await serve({ findFile: () => Promise.reject(new Error('a secret')) }));
    expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('secret')]);
    expect(errors()).toHaveLength(1);
  });
});

it('a picture of a user is to be asked for again while the database is away', async () => {
  const url = await serve({ picture: () => Promise.reject(new DatabaseUnavailableError('refused')) });
  expect((await fetch(`${url}/avatars/${randomUUID()}`)).status).toBe(503);
  expect(errors()).toEqual([]);
});

it('where the store gives files by itself, what is asked of one is answered here all the same', async () => {
  const url = await serve({ readUrl: async () => 'https://store.example.org/file/a' });
  expect((await get(url)).status).toBe(307);
  const head = await get(url, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
});
