import type { Readable } from 'node:stream';

/** An object as the store lists it. */
export interface StoredObject {
  key: string;
  /** Its size, in bytes. */
  bytes: number;
  /** When it was stored. */
  at: Date;
}

/** Bytes `start` to `end` of an object, both included, counted from 0. */
export interface ByteRange {
  start: number;
  end: number;
}

/** How an object is stored. */
export interface PutOptions {
  /** Its media type, for whoever reads it past this server. */
  type: string;
  /** Aborting gives it up. */
  signal?: AbortSignal;
}

/** How a client posts an object to the store by itself. */
export interface PostForm {
  url: string;
  /** To be posted before the file, in this order. */
  fields: readonly { name: string; value: string }[];
}

/**
 * Where files are kept, by keys of lower-case letters, digits and dashes with slashes between them. An object never changes:
 * another one has another key.
 *
 * Every method rejects with `UnavailableError` when the store cannot be reached.
 */
export interface Objects {
  /**
   * Stores a stream, whole or not at all: when this rejects, nothing is there, and nothing of it is kept.
   * @returns how many bytes there were
   * @throws whatever the stream or the signal failed with
   */
  put(key: string, body: Readable, options: PutOptions): Promise<number>;
  /**
   * Lets a client store an object of exactly so many bytes by itself, once or again, until a time; null where the store has no
   * way to.
   */
  post(key: string, bound: { bytes: number; expiresAt: Date }): Promise<PostForm | null>;
  /** An object's size and age; null when there is none. */
  head(key: string): Promise<StoredObject | null>;
  /**
   * An object's bytes, or a range of them that lies within it; null when there is none. The stream is to be read to its end or
   * destroyed.
   */
  get(key: string, range?: ByteRange): Promise<Readable | null>;
  /**
   * Where a client may read an object from the store itself, until a time, as what it says it is; null where the store is not
   * set to let clients.
   */
  readUrl(key: string, as: { type: string; disposition: string; expiresAt: Date }): Promise<string | null>;
  /** Stores another object of the same bytes, as `put` does; null when there is nothing to copy. */
  copy(from: string, to: string, options: PutOptions): Promise<StoredObject | null>;
  /** Removes what is there of these. */
  remove(keys: readonly string[]): Promise<void>;
  /** Every object, in no order. */
  list(): AsyncIterable<StoredObject>;
  /**
   * Removes what is left of uploads that were begun before a time and never ended: their process was killed.
   * @param isOwn by key: the store may be another's as well
   */
  sweep(before: Date, isOwn: (key: string) => boolean): Promise<void>;
  /** Rejects when the store cannot be reached. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

const form = /^[\da-z][\da-z-]*(\/[\da-z][\da-z-]*)*$/;
const maxLength = 200;

/** @throws for what is no key: one could lead out of a folder */
export function checkKey(key: string): string {
  if (key.length > maxLength || !form.test(key)) throw new Error(`${JSON.stringify(key)} is no key of an object`);
  return key;
}
