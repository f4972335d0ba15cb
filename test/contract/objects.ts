import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Objects } from '../../api/infra/objects/objects.ts';

/** A store to test. */
export interface ObjectsWorkbench {
  objects: Objects;
  /** How many uploads it holds that were begun and never ended. */
  leftovers(): Promise<number>;
  /** Leaves one behind, as a process does that is killed. */
  abandon(key: string): Promise<void>;
  dispose(): Promise<void>;
}

const type = 'application/octet-stream';
/** More than two of the parts in which S3 takes a stream. */
const large = 12_000_000;

async function read(objects: Objects, key: string, range?: { start: number; end: number }): Promise<Buffer | null> {
  const stream = await objects.get(key, range);
  return stream && buffer(stream);
}

async function keysOf(objects: Objects): Promise<string[]> {
  const keys = [];
  for await (const { key } of objects.list()) keys.push(key);
  return keys.sort();
}

/** A body that brings so many bytes and then stalls, until it is told how to go on. */
function stalling(bytes: number) {
  const body = new Readable({ read: () => {} });
  body.push(randomBytes(bytes));
  return body;
}

/** What every store of files is to do. */
export function describeObjects(name: string, create: () => Promise<ObjectsWorkbench>): void {
  describe(`objects ${name}`, () => {
    let objects: Objects;
    let leftovers: ObjectsWorkbench['leftovers'];
    let abandon: ObjectsWorkbench['abandon'];

    beforeAll(async () => {
      const workbench = await create();
      ({ objects, leftovers, abandon } = workbench);
      return workbench.dispose;
    });
    afterAll(async () => expect(await leftovers()).toBe(0));

    test.each([0, 1, 70_000, large])('are given back as they were stored: %i bytes', async (size) => {
      const body = randomBytes(size);
      const key = `x/${randomUUID()}`;
      const begin = Date.now();
      expect(await objects.put(key, Readable.from([body]), { type })).toBe(size);
      expect((await read(objects, key))?.equals(body)).toBe(true);
      const stored = await objects.head(key);
      expect(stored).toMatchObject({ key, bytes: size });
      expect(Math.abs(Number(stored?.at) - begin)).toBeLessThan(60_000);
    });

    test('are given in ranges', async () => {
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

    test('that are not there are null, and removing them changes nothing', async () => {
      const key = `x/${randomUUID()}`;
      expect(await objects.head(key)).toBeNull();
      expect(await objects.get(key)).toBeNull();
      await objects.remove([key]);
    });

    test.each([
      ['at once', 0],
      ['after a little', 10_000],
      ['after a lot', large],
    ])('are not there, nor anything of them, when their stream fails: %s', async (_, bytes) => {
      const key = `x/${randomUUID()}`;
      const body = stalling(bytes);
      const put = objects.put(key, body, { type });
      setImmediate(() => body.destroy(new Error('the client went away')));
      await expect(put).rejects.toThrow('the client went away');
      expect(await objects.head(key)).toBeNull();
      expect(await leftovers()).toBe(0);
    });

    test('are not stored from a stream that has failed already', async () => {
      const body = stalling(0);
      body.on('error', () => {});
      body.destroy(new Error('too late'));
      await expect(objects.put(`x/${randomUUID()}`, body, { type })).rejects.toThrow('too late');
    });

    test('are given up when their signal aborts', async () => {
      const key = `x/${randomUUID()}`;
      const giveUp = new AbortController();
      const body = stalling(large);
      const put = objects.put(key, body, { type, signal: giveUp.signal });
      setTimeout(() => giveUp.abort(new Error('too slow')), 50);
      await expect(put).rejects.toThrow();
      expect(body.destroyed).toBe(true);
      expect(await objects.head(key)).toBeNull();
      await vi.waitFor(async () => expect(await leftovers()).toBe(0));
    });

    test('are copied, and stay what they were when the first is another', async () => {
      const [from, to] = [`x/${randomUUID()}`, `x/${randomUUID()}`];
      expect(await objects.copy(from, to, { type })).toBeNull();
      await objects.put(from, Readable.from([Buffer.from('first')]), { type });
      expect(await objects.copy(from, to, { type })).toMatchObject({ key: to, bytes: 5 });
      await objects.put(from, Readable.from([Buffer.from('another')]), { type });
      expect(String(await read(objects, to))).toBe('first');
    });

    test('are stored many at once', async () => {
      const bodies = Array.from({ length: 20 }, () => [`many/${randomUUID()}`, randomBytes(300_000)] as const);
      await Promise.all(bodies.map(([key, body]) => objects.put(key, Readable.from([body]), { type })));
      for (const [key, body] of bodies) expect((await read(objects, key))?.equals(body)).toBe(true);
    });

    test('are listed, all of them, until they are removed', async () => {
      const before = await keysOf(objects);
      const added = Array.from({ length: 1_005 }, (_, n) => `list/${n}-${randomUUID()}`);
      for (let n = 0; n < added.length; n += 50) {
        const some = added.slice(n, n + 50);
        await Promise.all(some.map((key) => objects.put(key, Readable.from([Buffer.from('x')]), { type })));
      }
      expect(await keysOf(objects)).toEqual([...before, ...added].sort());
      await objects.remove(added);
      expect(await keysOf(objects)).toEqual(before);
    });

    test('that were begun and never ended are swept once they are old', async () => {
      const key = `x/${randomUUID()}`;
      await abandon(key);
      await objects.sweep(new Date(Date.now() - 60_000), () => true);
      expect(await leftovers()).toBe(1);
      await objects.sweep(new Date(Date.now() + 60_000), () => true);
      expect(await leftovers()).toBe(0);
      expect(await objects.head(key)).toBeNull();
    });

    test('are stored, read and reached while others stall on their way in and out', async () => {
      const key = `x/${randomUUID()}`;
      await objects.put(key, Readable.from([randomBytes(large)]), { type });
      const incoming = Array.from({ length: 60 }, () => stalling(20_000));
      const puts = incoming.map((body) => objects.put(`x/${randomUUID()}`, body, { type }).catch(() => 'given up'));
      const outgoing = await Promise.all(Array.from({ length: 60 }, () => objects.get(key)));
      const other = `x/${randomUUID()}`;
      await objects.put(other, Readable.from([Buffer.from('other')]), { type });
      expect(String(await read(objects, other))).toBe('other');
      await objects.ready();
      for (const stream of [...incoming, ...outgoing]) stream?.destroy();
      expect(await Promise.all(puts)).toEqual(Array(60).fill('given up'));
    });

    test.each(['', '/x', 'x/', 'a//b', '../x', 'a/../b', 'A', 'a b', 'a\0', 'ä', `${'x'.repeat(201)}`])(
      'have no key like %j',
      async (key) => {
        await expect(objects.put(key, Readable.from(['x']), { type })).rejects.toThrow('no key');
        await expect(objects.get(key)).rejects.toThrow('no key');
        await expect(objects.head(key)).rejects.toThrow('no key');
        await expect(objects.copy(key, 'x', { type })).rejects.toThrow('no key');
        await expect(objects.copy('x', key, { type })).rejects.toThrow('no key');
        await expect(objects.remove([key])).rejects.toThrow('no key');
      },
    );

    test('are to be had', () => objects.ready());
  });
}
