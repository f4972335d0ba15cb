import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { addressGroup } from '../address.ts';
import { UnavailableError } from '../errors.ts';
import { createFairQueue } from '../fair-queue.ts';
import type { AvatarImage } from './avatars.ts';

/** A user's picture with its entity tag (RFC 9110, section 8.8.3). */
export interface ServedAvatar extends AvatarImage {
  etag: string;
}

/** Milliseconds for which a picture is cached: a change that this process is not told of shows after them. */
const cacheMs = 10_000;
/** Maximum size of the cached pictures, in bytes: some hundred uploaded ones, or many thousand generated ones. */
const maxBytes = 33_554_432;
/** Bytes that an entry counts besides its picture. */
const entryBytes = 512;
/** Number of pictures that are loaded at a time: each is a statement, and may be an object in memory. */
const maxConcurrent = 16;
/** Number of them for one network, so that others find places while its loads are slow. */
const maxConcurrentOfNetwork = 8;
/** Maximum number of loads that wait. */
const maxWaiting = 1_000;
/** Maximum number of loads of one network that wait: a page of a browser shows some dozen users. */
const maxWaitingOfNetwork = 100;

/**
 * Caches the pictures of users, which are served without a token. Concurrent requests for a picture share one load, and loads
 * wait for the turn of the network that asked first.
 * @param options.load returns a user's picture, or null if there is no such user, which is cached as well
 */
export function createAvatarCache({ load }: { load(userId: string): Promise<AvatarImage | null> }) {
  const queue = createFairQueue({
    concurrency: maxConcurrent,
    concurrencyOfKey: maxConcurrentOfNetwork,
    maxWaiting,
    maxWaitingOfKey: maxWaitingOfNetwork,
    onFull: () => new UnavailableError('Too many pictures of users are being loaded right now. Try again.'),
  });
  const cache = new LRUCache<string, { avatar: ServedAvatar | null }, string>({
    maxSize: maxBytes,
    sizeCalculation: ({ avatar }) => entryBytes + (avatar?.body.length ?? 0),
    ttl: cacheMs,
    fetchMethod: (userId, _stale, { context: address }) =>
      queue.run(addressGroup(address), async () => ({ avatar: withTag(await load(userId)) })),
    // A load whose entry was removed meanwhile still serves the requests that wait for it; it is not cached.
    ignoreFetchAbort: true,
  });

  return {
    /**
     * Returns a user's picture, or null if there is no such user.
     * @param from the client that asks, by its IP address
     * @throws UnavailableError if too many loads wait, and the errors of `load`
     */
    async picture(userId: string, from: { address: string }): Promise<ServedAvatar | null> {
      return (await cache.forceFetch(userId, { context: from.address })).avatar;
    },

    /** Removes a user's picture: the next request loads it. */
    forget(userId: string): void {
      cache.delete(userId);
    },
  };
}

/** Cached pictures of users, made by `createAvatarCache`. */
export type AvatarCache = ReturnType<typeof createAvatarCache>;

function withTag(image: AvatarImage | null): ServedAvatar | null {
  if (image === null) return null;
  return { ...image, etag: `"${createHash('sha256').update(image.body).digest('base64url').slice(0, 22)}"` };
}
