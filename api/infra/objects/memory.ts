import { addAbortSignal, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { checkKey, type Objects, type StoredObject } from './objects.ts';

/** Content of an object, which never changes. */
interface Content {
  bytes: Buffer;
  storedAt: Date;
}

/** Objects by their keys. */
export type Contents = Map<string, Content>;

/** Number of objects in a page of a list. */
const pageSize = 500;

/**
 * Stores objects in the memory of this process.
 * @param contents objects that the store has from the start, and the map that it changes
 */
export function createMemoryObjects(contents: Contents = new Map()): Objects {
  return {
    readOrigin: null,
    presignPost: async () => null,
    readUrl: async () => null,
    async put(key, body, { signal }) {
      checkKey(key);
      const bytes = await buffer(signal ? addAbortSignal(signal, body) : body);
      contents.set(key, { bytes, storedAt: new Date() });
      return bytes.length;
    },
    head: async (key) => describe(key),
    async get(key, { start = 0, end = Number.POSITIVE_INFINITY } = { start: 0, end: Number.POSITIVE_INFINITY }) {
      const content = contents.get(checkKey(key));
      // In an array: the chunks of an empty buffer would be none, and those of another one its bytes.
      return content ? Readable.from([content.bytes.subarray(start, end + 1)]) : null;
    },
    async copy(from, to) {
      checkKey(to);
      const content = contents.get(checkKey(from));
      if (content === undefined) return null;
      contents.set(to, { ...content, storedAt: new Date() });
      return describe(to);
    },
    async remove(keys) {
      for (const key of keys) contents.delete(checkKey(key));
    },
    async *list(after = '0') {
      const keys = [...contents.keys()].slice(Number(after));
      for (let from = 0; from < keys.length; from += pageSize) {
        const page = keys.slice(from, from + pageSize);
        const objects = page.flatMap((key) => describe(key) ?? []);
        yield { objects, cursor: String(Number(after) + from + page.length) };
      }
    },
    // Nothing outlives its process.
    removeIncomplete: async () => {},
    ready: async () => {},
    stop: async () => {},
  };

  function describe(key: string): StoredObject | null {
    const content = contents.get(checkKey(key));
    return content ? { key, bytes: content.bytes.length, storedAt: content.storedAt } : null;
  }
}
