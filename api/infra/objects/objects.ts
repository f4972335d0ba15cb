import type { Readable } from 'node:stream';

/** An object as the store lists it. */
export interface StoredObject {
  key: string;
  /** Size in bytes. */
  bytes: number;
  storedAt: Date;
}

/** Up to 1,000 objects of a list. */
export interface ObjectPage {
  objects: readonly StoredObject[];
  /** Point of the list behind this page; only the same store can read it. */
  cursor: string;
}

/** Range of bytes of an object: `start` and `end` are both included and count from 0. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Options for storing an object. */
export interface PutOptions {
  /** Media type, served to clients that read the object from the store directly. */
  type: string;
  /** Cancels the operation when it aborts. */
  signal?: AbortSignal;
}

/** Presigned form with which a client posts an object to the store directly. */
export interface PresignedPost {
  url: string;
  /** Form fields to send before the file, in this order. */
  fields: readonly { name: string; value: string }[];
}

/**
 * Store of files. Keys consist of lower-case letters, digits and dashes, with slashes between them. Objects are immutable:
 * a changed file gets a new key.
 *
 * Every method rejects with `UnavailableError` when the store cannot be reached.
 */
export interface Objects {
  /** Origin that clients read files from directly, the origin of every `readUrl`; null if this server serves all files. */
  readonly readOrigin: string | null;
  /**
   * Stores a stream. Atomic: if this rejects, no part of the object is kept.
   * @returns size of the object, in bytes
   * @throws the error of the stream or of the signal
   */
  put(key: string, body: Readable, options: PutOptions): Promise<number>;
  /**
   * Presigns a form with which a client may store an object of exactly `bytes` bytes, any number of times until
   * `expiresAt`. Returns null if the store does not support this.
   */
  presignPost(key: string, bound: { bytes: number; expiresAt: Date }): Promise<PresignedPost | null>;
  /** Returns the size and age of an object, or null if there is none. */
  head(key: string): Promise<StoredObject | null>;
  /**
   * Opens an object, or a range within it; null if there is no such object. The caller must read the stream to its end or
   * destroy it.
   */
  get(key: string, range?: ByteRange): Promise<Readable | null>;
  /**
   * Presigns a URL from which a client may read an object until `expiresAt`, served with the given media type and
   * `Content-Disposition`. Returns null if `readOrigin` is null.
   */
  readUrl(key: string, as: { type: string; disposition: string; expiresAt: Date }): Promise<string | null>;
  /** Copies an object to another key, atomically as `put` does; null if there is no object to copy. */
  copy(from: string, to: string, options: PutOptions): Promise<StoredObject | null>;
  /** Removes objects; keys without an object are ignored. */
  remove(keys: readonly string[]): Promise<void>;
  /**
   * Lists every object in pages, in no particular order.
   * @param after cursor of a page, behind which the list continues; objects that were added or removed since may be left out
   */
  list(after?: string): AsyncIterable<ObjectPage>;
  /**
   * Removes the remains of uploads that were begun before a time and never completed, because their process was killed.
   * @param isOwn tells by its key whether an upload is Parley's: other applications may use the same store
   */
  removeIncomplete(before: Date, isOwn: (key: string) => boolean): Promise<void>;
  /** Rejects if the store cannot be reached. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

const keyPattern = /^[\da-z][\da-z-]*(\/[\da-z][\da-z-]*)*$/;
const maxKeyLength = 200;

/**
 * Returns the key unchanged if it is valid.
 * @throws Error if it is not: such a key could point outside of the store's folder
 */
export function checkKey(key: string): string {
  if (key.length > maxKeyLength || !keyPattern.test(key))
    throw new Error(`${JSON.stringify(key)} is not a valid object key`);
  return key;
}
