import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createAvatarCache } from '../../api/domain/avatar-cache.ts';
import type { AvatarImage } from '../../api/domain/avatars.ts';

const from = { address: '192.0.2.1' };
const image = (body: Buffer | string): AvatarImage => ({ type: 'image/webp', body: Buffer.from(body) });
/** Ends the loads under way. */
let release: (() => void)[] = [];
let load = vi.fn<(userId: string) => Promise<AvatarImage | null>>();
let cache: ReturnType<typeof createAvatarCache>;

beforeEach(() => {
  release = [];
  load = vi.fn(async () => image('first'));
  cache = createAvatarCache({ load });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Makes loads wait for `release`; they return the picture of their start. */
function holdLoads(): void {
  const returned = load.getMockImplementation() ?? (async () => null);
  load.mockImplementation(async (userId) => {
    const picture = await returned(userId);
    await new Promise<void>((resolve) => release.push(resolve));
    return picture;
  });
}

async function releaseAll(): Promise<void> {
  await vi.waitFor(() => expect(release).not.toEqual([]));
  for (const end of release.splice(0)) end();
}

it('concurrent requests for a picture share a load, and later ones its result, until ten seconds have passed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const setTime = (ms: number) => {
    vi.spyOn(performance, 'now').mockReturnValue(ms);
    // The cache keeps the time for a millisecond.
    vi.advanceTimersByTime(1);
  };
  setTime(1_000);
  const id = randomUUID();
  const pictures = await Promise.all(Array.from({ length: 20 }, () => cache.picture(id, from)));
  expect(new Set(pictures).size).toBe(1);
  expect(pictures[0]).toMatchObject({ ...image('first'), etag: expect.stringMatching(/^"[\w-]{22}"$/) });
  load.mockResolvedValue(image('second'));
  setTime(10_999);
  expect([await cache.picture(id, from), load.mock.calls.length]).toEqual([pictures[0], 1]);
  setTime(11_001);
  expect(await cache.picture(id, from)).toMatchObject(image('second'));
  expect(load).toHaveBeenCalledTimes(2);
});

it('a user who does not exist is cached, and an error is not', async () => {
  load.mockResolvedValue(null);
  const [unknown, other] = [randomUUID(), randomUUID()];
  for (const _ of Array(3)) expect(await cache.picture(unknown, from)).toBeNull();
  expect(load).toHaveBeenCalledTimes(1);
  load.mockRejectedValueOnce(new Error('unavailable'));
  await expect(cache.picture(other, from)).rejects.toThrow('unavailable');
  expect(await cache.picture(other, from)).toBeNull();
});

it('a picture that changed is loaded again, also if it changes during a load', async () => {
  const id = randomUUID();
  await cache.picture(id, from);
  cache.forget(id);
  holdLoads();
  const early = cache.picture(id, from);
  await vi.waitFor(() => expect(release).toHaveLength(1));
  load.mockResolvedValue(image('second'));
  cache.forget(id);
  await releaseAll();
  expect(await early).toMatchObject(image('first'));
  expect(await cache.picture(id, from)).toMatchObject(image('second'));
});

it('pictures of at most 32 MB are cached, the most recently used ones', async () => {
  load.mockImplementation(async () => image(Buffer.alloc(1_048_576)));
  const ids = Array.from({ length: 40 }, () => randomUUID());
  for (const id of ids) await cache.picture(id, from);
  await cache.picture(ids.at(-31) ?? '', from);
  expect(load).toHaveBeenCalledTimes(40);
  await cache.picture(ids.at(-33) ?? '', from);
  expect(load).toHaveBeenCalledTimes(41);
});

it('loads for a network run eight at once, a hundred wait, and further ones are UNAVAILABLE; others do not wait', async () => {
  holdLoads();
  const ask = (address: string) => cache.picture(randomUUID(), { address });
  const all = Array.from({ length: 108 }, (_, n) => ask(`2001:db8::${n + 1}`));
  await expect(ask('2001:db8::ffff')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(load).toHaveBeenCalledTimes(8);
  all.push(ask('2001:db8:0:1::1'));
  expect(load).toHaveBeenCalledTimes(9);
  const releasing = setInterval(() => {
    for (const end of release.splice(0)) end();
  }, 1);
  expect(await Promise.all(all)).toHaveLength(109);
  clearInterval(releasing);
});
