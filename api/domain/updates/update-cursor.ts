import { createHash } from 'node:crypto';
import { BadUserInputError } from '../../errors.ts';
import { readNumber, readUuid, writeNumber, writeUuid } from './cursor-bytes.ts';

/** A point in everything that concerns a user. */
export interface Mark {
  /** Next offset of each partition of the log: everything below is known. */
  next: readonly number[];
  /** Epoch milliseconds by the database's clock up to which the user's own records are known. */
  time: number;
}

/** Progress of a sweep from one mark to another. */
interface Sweep {
  to: Mark;
  place: SweepPlace;
  /** Number of messages that the rest of the sweep may replay. */
  budget: number;
}

/** Newest update of a sweep that was delivered: users come first, then channels, each in order of their ids. */
export interface SweepPlace {
  /** The subject of the update: `users` (and the match, under the lowest id), or one of the steps within a channel. */
  step: SweepStep;
  /** Id of the user or channel. */
  id: string;
  /** Within a channel's messages: offset from which on they are not delivered. 0 otherwise. */
  offset: number;
}

/** Steps of a sweep: users, then for each channel its membership, its properties, and its messages or their resync. */
export const sweepSteps = ['users', 'membership', 'channel', 'messages'] as const;
export type SweepStep = (typeof sweepSteps)[number];

/** Point up to which a client has received updates. */
export interface UpdateCursor {
  /** Identity of the log, by `identityOf`. */
  log: string;
  from: Mark;
  /** Null between sweeps. */
  sweep: Sweep | null;
}

const version = 1;
const identityBytes = 6;
/** Maximum number of partitions in a cursor. */
const maxPartitions = 1_000;
/** Maximum time that a `Date` can hold, in epoch milliseconds. */
const maxTime = 8_640_000_000_000_000;

/**
 * Returns the identity of a log, which cursors name: their offsets mean nothing in another one.
 * @param log.ids ids of the log that its partitions have, without duplicates
 */
export function identityOf(log: { name: string; partitions: number; ids: readonly string[] }): string {
  const text = JSON.stringify([log.name, log.partitions, [...log.ids].sort()]);
  return createHash('sha256').update(text).digest().subarray(0, identityBytes).toString('base64url');
}

/** Encodes a cursor in base64url. Clients treat it as opaque. */
export function encodeUpdateCursor({ log, from, sweep }: UpdateCursor): string {
  const bytes = [version, ...Buffer.from(log, 'base64url'), Number(sweep !== null)];
  writeNumber(bytes, from.next.length);
  for (const next of from.next) writeNumber(bytes, next);
  writeNumber(bytes, from.time);
  if (sweep) writeSweep(bytes, from, sweep);
  return Buffer.from(bytes).toString('base64url');
}

/** The second mark is written by its distance from the first one, which is small. */
function writeSweep(bytes: number[], from: Mark, { to, place, budget }: Sweep): void {
  to.next.forEach((next, partition) => void writeNumber(bytes, next - (from.next[partition] ?? 0)));
  writeNumber(bytes, Math.max(0, to.time - from.time));
  bytes.push(sweepSteps.indexOf(place.step));
  writeUuid(bytes, place.id);
  writeNumber(bytes, place.offset);
  writeNumber(bytes, budget);
}

/**
 * Decodes a cursor.
 * @throws BadUserInputError unless `encodeUpdateCursor` returns this text
 */
export function decodeUpdateCursor(text: string): UpdateCursor {
  const cursor = read(Buffer.from(text, 'base64url'));
  if (cursor === null || encodeUpdateCursor(cursor) !== text)
    throw new BadUserInputError([{ path: 'after', message: 'must be a cursor of `updates`' }]);
  return cursor;
}

function read(bytes: Buffer): UpdateCursor | null {
  if (bytes[0] !== version || bytes.length < 2 + identityBytes) return null;
  const log = bytes.subarray(1, 1 + identityBytes).toString('base64url');
  const at = { bytes, at: 1 + identityBytes };
  const hasSweep = readNumber(at);
  const count = readNumber(at) ?? Number.POSITIVE_INFINITY;
  if (hasSweep === null || hasSweep > 1 || count > maxPartitions) return null;
  const next = Array.from({ length: count }, () => readNumber(at));
  const time = readNumber(at);
  if (!areNumbers(next) || time === null || time > maxTime) return null;
  const from = { next, time };
  const sweep = hasSweep === 1 ? readSweep(at, from) : null;
  return hasSweep === 1 && sweep === null ? null : { log, from, sweep };
}

function readSweep(at: { bytes: Buffer; at: number }, from: Mark): Sweep | null {
  const distances = from.next.map(() => readNumber(at));
  const [distance, step] = [readNumber(at), sweepSteps[readNumber(at) ?? sweepSteps.length]];
  const [id, offset, budget] = [readUuid(at), readNumber(at), readNumber(at)];
  if (!areNumbers(distances) || distance === null || step === undefined) return null;
  if (id === null || offset === null || budget === null) return null;
  const next = from.next.map((start, partition) => start + (distances[partition] ?? 0));
  const time = from.time + distance;
  if (!next.every(Number.isSafeInteger) || time > maxTime) return null;
  return { to: { next, time }, place: { step, id, offset }, budget };
}

function areNumbers(values: readonly (number | null)[]): values is number[] {
  return values.every((value) => value !== null);
}
