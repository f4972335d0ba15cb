import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createSignalledCache } from '../../api/live/signalled-cache.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';

const ttlMs = 60_000;

interface Named {
  name: string;
}

const rows = new Map<string, Named>();
const read = vi.fn(async (keys: readonly string[]) => keys.map((key) => rows.get(key) ?? null));
const onSignal = vi.fn();
let fate: Fate;
let pubsub: ReturnType<typeof createLossyPubSub>;
let cache: ReturnType<typeof createSignalledCache<'presence', Named>>;

beforeEach(async () => {
  vi.clearAllMocks();
  rows.clear();
  rows.set('ada', { name: 'Ada' });
  rows.set('bob', { name: 'Bob' });
  fate = 'deliver';
  pubsub = createLossyPubSub(() => fate);
  cache = createSignalledCache<'presence', Named>({
    pubsub,
    topic: 'presence',
    keysOf: (keys) => keys,
    onSignal,
    read,
    maxSize: 2,
    ttlMs,
    logger: createTestLogger(),
  });
  await cache.start();
});
afterEach(async () => {
  await cache.stop();
  vi.restoreAllMocks();
});

/** Holds the next query back after it has read, until the test releases it. */
function holdNextRead() {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const hasRead = new Promise<void>((resolve) => {
    read.mockImplementationOnce(async (keys) => {
      const values = keys.map((key) => rows.get(key) ?? null);
      resolve();
      await released;
      return values;
    });
  });
  return { hasRead, release };
}

describe('a signalled cache', () => {
  test('reads a value once', async () => {
    for (let n = 0; n < 3; n++) expect(await cache.get('ada')).toEqual({ name: 'Ada' });
    expect(read).toHaveBeenCalledOnce();
  });

  test('reads concurrent requests by one query', async () => {
    expect(await Promise.all(['ada', 'bob', 'nobody'].map(cache.get))).toEqual([
      { name: 'Ada' },
      { name: 'Bob' },
      null,
    ]);
    expect(read).toHaveBeenCalledExactlyOnceWith(['ada', 'bob', 'nobody']);
  });

  test('does not cache that there is no value', async () => {
    expect(await cache.get('eve')).toBeNull();
    rows.set('eve', { name: 'Eve' });
    expect(await cache.get('eve')).toEqual({ name: 'Eve' });
  });

  test('reads again when it is asked to, and caches that', async () => {
    await cache.get('ada');
    rows.set('ada', { name: 'Ada II' });
    expect(await cache.read('ada')).toEqual({ name: 'Ada II' });
    expect(cache.get('ada')).toEqual({ name: 'Ada II' });
  });

  test('is bounded: the least recently used value is removed', async () => {
    rows.set('eve', { name: 'Eve' });
    for (const key of ['ada', 'bob', 'eve']) await cache.get(key);
    expect(cache.get('eve')).toEqual({ name: 'Eve' });
    await cache.get('ada');
    expect(read).toHaveBeenCalledTimes(4);
  });

  test('reads a value again after its time to live', async () => {
    await cache.get('ada');
    rows.set('ada', { name: 'Ada II' });
    const later = performance.now() + ttlMs + 1;
    vi.spyOn(performance, 'now').mockImplementation(() => later);
    await vi.waitFor(async () => expect(await cache.get('ada')).toEqual({ name: 'Ada II' }));
  });

  test('reads a value again after a signal, and reports each key of the signal after its removal', async () => {
    await Promise.all(['ada', 'bob'].map(cache.get));
    const found: unknown[] = [];
    onSignal.mockImplementation((key: string) => found.push(cache.get(key)));
    await pubsub.publish('presence', ['ada', 'bob']);
    expect(onSignal.mock.calls).toEqual([['ada'], ['bob']]);
    onSignal.mockReset();
    expect(found).toEqual([expect.any(Promise), expect.any(Promise)]);
    await Promise.all(found);
  });

  test('keeps the values that a signal does not name', async () => {
    await Promise.all(['ada', 'bob'].map(cache.get));
    await pubsub.publish('presence', ['ada']);
    expect(cache.get('bob')).toEqual({ name: 'Bob' });
    expect(await cache.get('ada')).toEqual({ name: 'Ada' });
    expect(read).toHaveBeenCalledTimes(2);
  });

  test.each([
    ['a signal comes', () => pubsub.publish('presence', ['ada'])],
    ['it is invalidated', () => cache.invalidate('ada')],
    ['pubsub reconnects', () => pubsub.reconnect()],
  ])('returns but does not cache a value if %s while it is read', async (_, invalidate) => {
    const { hasRead, release } = holdNextRead();
    const early = cache.get('ada');
    await hasRead;
    rows.set('ada', { name: 'Ada II' });
    await invalidate();
    release();
    expect(await early).toEqual({ name: 'Ada' });
    expect(await cache.get('ada')).toEqual({ name: 'Ada II' });
  });

  test('caches the other values of a query during which one was invalidated', async () => {
    const { hasRead, release } = holdNextRead();
    const both = Promise.all(['ada', 'bob'].map(cache.get));
    await hasRead;
    cache.invalidate('ada');
    release();
    await both;
    expect(cache.get('bob')).toEqual({ name: 'Bob' });
    await cache.get('ada');
    expect(read).toHaveBeenCalledTimes(2);
  });

  test('does not share a query that started before the request', async () => {
    const { hasRead, release } = holdNextRead();
    const early = cache.get('ada');
    await hasRead;
    rows.set('ada', { name: 'Ada II' });
    cache.invalidate('ada');
    const late = cache.get('ada');
    release();
    expect(await early).toEqual({ name: 'Ada' });
    expect(await late).toEqual({ name: 'Ada II' });
  });

  test('is empty after a reconnect, because signals may have been lost', async () => {
    await cache.get('ada');
    rows.set('ada', { name: 'Ada II' });
    fate = 'lose';
    await pubsub.publish('presence', ['ada']);
    expect(cache.get('ada')).toEqual({ name: 'Ada' });
    pubsub.reconnect();
    expect(await cache.get('ada')).toEqual({ name: 'Ada II' });
  });

  test('passes the error of a query on, and reads again next time', async () => {
    read.mockRejectedValueOnce(new Error('the database is away'));
    await expect(Promise.all(['ada', 'bob'].map(cache.get))).rejects.toThrow('the database is away');
    expect(await cache.get('ada')).toEqual({ name: 'Ada' });
  });

  test('no longer listens once it is stopped', async () => {
    await cache.stop();
    await pubsub.publish('presence', ['ada']);
    expect(onSignal).not.toHaveBeenCalled();
  });
});
