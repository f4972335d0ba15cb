import { LRUCache } from 'lru-cache';
import type { Entry } from '../events.ts';
import { bytesOfEntries } from './entry-bytes.ts';
import type { Backlog } from './live-source.ts';
import type { createReplacements } from './replacements.ts';

/** A read of the database, and the version of its feed when it began. */
interface Reading {
  version: number;
  backlog: Promise<Backlog<Entry>>;
}

/** Maximum memory of the results that are shared, in bytes, and the milliseconds for which they are. */
const maxBytes = 16_777_216;
const shareMs = 1_000;

/** Shares the results of the database among subscribers that resume at the same time, for all feeds of a node. */
export function createReadCache() {
  const cache = new LRUCache<string, Reading>({ maxSize: maxBytes, ttl: shareMs, ttlAutopurge: true });
  let feeds = 0;

  return {
    /** Returns the reads of one feed, whose edited and deleted entries are `replacements`. */
    of(replacements: Pick<ReturnType<typeof createReplacements>, 'version' | 'current'>) {
      const feed = feeds++;
      return { get };

      /**
       * Returns the result of a read, shared by equal keys, without the entries that were edited or deleted meanwhile. If
       * more of them were than the feed remembers, it is read again.
       */
      async function get(key: string, read: () => Promise<Backlog<Entry>>): Promise<Backlog<Entry>> {
        for (;;) {
          const reading = getOrRead(`${feed} ${key}`, read);
          const backlog = await reading.backlog;
          const entries = replacements.current(backlog.entries, reading.version);
          if (entries === backlog.entries) return backlog;
          if (entries) return { ...backlog, entries };
          if (cache.peek(`${feed} ${key}`) === reading) cache.delete(`${feed} ${key}`);
        }
      }

      function getOrRead(key: string, read: () => Promise<Backlog<Entry>>): Reading {
        const cached = cache.get(key);
        if (cached) return cached;
        const reading = { version: replacements.version(), backlog: read() };
        cache.set(key, reading, { size: 1 });
        const isCached = () => cache.peek(key) === reading;
        reading.backlog.then(
          ({ entries }) => isCached() && cache.set(key, reading, { size: 1 + bytesOfEntries(entries) }),
          () => isCached() && cache.delete(key),
        );
        return reading;
      }
    },
  };
}
