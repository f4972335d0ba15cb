import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Objects } from '../../api/infra/objects/objects.ts';
import { listedKeys } from '../support/objects.ts';

/** A store under test, with a view behind its interface. */
export interface ObjectsWorkbench {
  objects: Objects;
  /** Number of uploads in the store that were begun and never completed. */
  countIncomplete(): Promise<number>;
  /** Leaves an incomplete upload behind, as a killed process does. */
  leaveIncomplete(key: string): Promise<void>;
  dispose(): Promise<void>;
}

const type = 'application/octet-stream';
/** Size in bytes of more than two parts of an S3 upload. */
const large = 12_000_000;

async function read(objects: Objects, key: string, range?: { start: number; end: number }): Promise<Buffer | null> {
  const stream = await objects.get(key, range);
  return stream && buffer(stream);
}

async function keysOf(objects: Objects): Promise<string[]> {
  return (await listedKeys(objects)).sort();
}

/** Checks that a list has several pages, each of at most 1,000 objects, and continues behind each of them. */
async function expectToResume(objects: Objects): Promise<void> {
  const all = await listedKeys(objects);
  let listed = 0;
  let pages = 0;
  for await (const page of objects.list()) {
    pages++;
    listed += page.objects.length;
    expect(page.objects.length).toBeLessThanOrEqual(1_000);
    expect(await listedKeys(objects, page.cursor)).toEqual(all.slice(listed));
  }
  expect(pages).toBeGreaterThan(1);
}

/** Creates a stream that yields `bytes` bytes and then stalls. */
function stalling(bytes: number) {
  const body = new Readable({ read: () => {} });
  body.push(randomBytes(bytes));
  return body;
}

/**
 * Describes the behavior that every file store shares.
 * @param options.outlivesProcess whether a killed process may leave incomplete uploads behind
 */
export function describeObjects(
  name: string,
  create: () => Promise<ObjectsWorkbench>,
  { outlivesProcess = true } = {},
): void {
  describe(`objects ${name}`, () => {
    let objects: Objects;
    let countIncomplete: ObjectsWorkbench['countIncomplete'];
    let leaveIncomplete: ObjectsWorkbench['leaveIncomplete'];

    beforeAll(async () => {
      const workbench = await create();
      ({ objects, countIncomplete, leaveIncomplete } = workbench);
      return workbench.dispose;
    });
    afterAll(async () => expect(await countIncomplete()).toBe(0));

    test.each([0, 1, 70_000, large])('are read back as they were stored: %i bytes', async (size) => {
      const body = randomBytes(size);
      const key = `x/${randomUUID()}`;
      const begin = Date.now();
      expect(await objects.put(key, Readable.from([body]), { type })).toBe(size);
      expect((await read(objects, key))?.equals(body)).toBe(true);
      const stored = await objects.head(key);
      expect(stored).toMatchObject({ key, bytes: size });
      // The clock of the store may differ a little from the clock of this process.
      expect(Number(stored?.storedAt)).toBeGreaterThan(begin - 60_000);
      expect(Number(stored?.storedAt)).toBeLessThan(Date.now() + 60_000);
    });

    test('are read in ranges', async () => {
      const body = randomBytes(100_000);
      const key = `x/${randomUUID()}`;
      await objects.put(key, Readable.from([body.subarray(0, 5), body.subarray(5)]), { type });
      for (const [start, end] of [
        [0, 0],
        [10, 99_999],
        [4, 5],
        [99_999, 99_999],
      ] as const) {
        const part = await read(objects, key, { start, end });
        expect(part?.equals(body.subarray(start, end + 1))).toBe(true);
      }
    });

    test('that do not exist are null, and removing them changes nothing', async () => {
      const key = `x/${randomUUID()}`;
      expect(await objects.head(key)).toBeNull();
      expect(await objects.get(key)).toBeNull();
      await objects.remove([key]);
    });

    test.each([
      ['immediately', 0],
      ['after a few bytes', 10_000],
      ['after several parts', large],
    ])('leave nothing behind when their stream fails: %s', async (_, bytes) => {
      const key = `x/${randomUUID()}`;
      const body = stalling(bytes);
      const put = objects.put(key, body, { type });
      setImmediate(() => body.destroy(new Error('the client went away')));
      await expect(put).rejects.toThrow('the client went away');
      expect(await objects.head(key)).toBeNull();
      expect(await countIncomplete()).toBe(0);
    });

    test('are not stored from a stream that has already failed', async () => {
      const body = stalling(0);
      body.on('error', () => {});
      body.destroy(new Error('too late'));
      await expect(objects.put(`x/${randomUUID()}`, body, { type })).rejects.toThrow('too late');
    });

    test('are not stored when their signal aborts', async () => {
      const key = `x/${randomUUID()}`;
      const controller = new AbortController();
      const body = stalling(large);
      const put = objects.put(key, body, { type, signal: controller.signal });
      setTimeout(() => controller.abort(new Error('too slow')), 50);
      await expect(put).rejects.toThrow();
      expect(body.destroyed).toBe(true);
      expect(await objects.head(key)).toBeNull();
      await vi.waitFor(async () => expect(await countIncomplete()).toBe(0));
    });

    test('are copied, and the copy keeps its content when the original changes', async () => {
      const [from, to] = [`x/${randomUUID()}`, `x/${randomUUID()}`];
      expect(await objects.copy(from, to, { type })).toBeNull();
      await objects.put(from, Readable.from([Buffer.from('first')]), { type });
      expect(await objects.copy(from, to, { type })).toMatchObject({ key: to, bytes: 5 });
      await objects.put(from, Readable.from([Buffer.from('another')]), { type });
      expect(String(await read(objects, to))).toBe('first');
    });

    test('are stored concurrently', async () => {
      const bodies = Array.from({ length: 20 }, () => [`many/${randomUUID()}`, randomBytes(300_000)] as const);
      await Promise.all(bodies.map(([key, body]) => objects.put(key, Readable.from([body]), { type })));
      for (const [key, body] of bodies) expect((await read(objects, key))?.equals(body)).toBe(true);
    });

    test('are all listed until they are removed', async () => {
      const before = await keysOf(objects);
      const added = Array.from({ length: 1_005 }, (_, n) => `list/${n}-${randomUUID()}`);
      for (let n = 0; n < added.length; n += 50) {
        const some = added.slice(n, n + 50);
        await Promise.all(some.map((key) => objects.put(key, Readable.from([Buffer.from('x')]), { type })));
      }
      expect(await keysOf(objects)).toEqual([...before, ...added].sort());
      await expectToResume(objects);
      await objects.remove(added);
      expect(await keysOf(objects)).toEqual(before);
    });

    if (outlivesProcess)
      test('that were begun and never completed are removed once they are old', async () => {
        const key = `x/${randomUUID()}`;
        await leaveIncomplete(key);
        await objects.removeIncomplete(new Date(Date.now() - 60_000), () => true);
        expect(await countIncomplete()).toBe(1);
        await objects.removeIncomplete(new Date(Date.now() + 60_000), () => true);
        expect(await countIncomplete()).toBe(0);
        expect(await objects.head(key)).toBeNull();
      });

    test('are stored and read while other uploads and downloads stall', async () => {
      const key = `x/${randomUUID()}`;
      await objects.put(key, Readable.from([randomBytes(large)]), { type });
      const incoming = Array.from({ length: 60 }, () => stalling(20_000));
      const puts = incoming.map((body) => objects.put(`x/${randomUUID()}`, body, { type }).catch(() => 'stopped'));
      const outgoing = await Promise.all(Array.from({ length: 60 }, () => objects.get(key)));
      const other = `x/${randomUUID()}`;
      await objects.put(other, Readable.from([Buffer.from('other')]), { type });
      expect(String(await read(objects, other))).toBe('other');
      await objects.ready();
      for (const stream of [...incoming, ...outgoing]) stream?.destroy();
      expect(await Promise.all(puts)).toEqual(Array(60).fill('stopped'));
    });

    test.each(['', '/x', 'x/', 'a//b', '../x', 'a/../b', 'A', 'a b', 'a\0', 'ä', `${'x'.repeat(201)}`])(
      'reject %j as a key',
      async (key) => {
        await expect(objects.put(key, Readable.from(['x']), { type })).rejects.toThrow('not a valid object key');
        await expect(objects.get(key)).rejects.toThrow('not a valid object key');
        await expect(objects.head(key)).rejects.toThrow('not a valid object key');
        await expect(objects.copy(key, 'x', { type })).rejects.toThrow('not a valid object key');
        await expect(objects.copy('x', key, { type })).rejects.toThrow('not a valid object key');
        await expect(objects.remove([key])).rejects.toThrow('not a valid object key');
      },
    );

    test('have a read origin exactly if clients can read them directly', async () => {
      const as = { type, disposition: 'inline', expiresAt: new Date(Date.now() + 60_000) };
      const url = await objects.readUrl('x/a', as);
      expect(objects.readOrigin).toBe(url && new URL(url).origin);
    });

    test('are available', () => objects.ready());
  });
}
