import { createHash } from 'node:crypto';
import type { LogRecord, LogState } from '../infra/event-log/event-log.ts';

/** Thrown when the log is not the one that the database has applied. An operator must decide how to continue. */
export class WrongLogError extends Error {
  override readonly name = 'WrongLogError';
}

/** Position of the database in a partition, and the identity of the log there. */
export interface Position {
  /** Next offset that the database needs. */
  next: bigint;
  /** Digest of the record before it; null if unknown. */
  last: string | null;
  /** Id of the log that the position belongs to; null if unknown. */
  logId: string | null;
}

/** Length of digests in characters of base64url: 132 bits. */
const digestLength = 22;

/** Returns a digest of a record. Two events never have the same, since each has an id of its own. */
export function digestOf({ key, value }: LogRecord): string {
  return createHash('sha256').update(key).update('\0').update(value).digest('base64url').slice(0, digestLength);
}

/**
 * Returns the offset from which to read a partition: that of the last record that was applied, which then proves that the
 * log is the same; the next one if there is nothing to compare.
 * @param log name of the log, for messages
 * @throws WrongLogError when the log does not continue at the position, or nothing proves that it is the same log
 */
export function startOf(position: Position, partition: number, { id, bounds }: LogState, log: string): bigint {
  const { next, last, logId } = position;
  if (bounds === null) return next;
  const refuse = (reason: string) => {
    throw new WrongLogError(
      `Partition ${partition} of log ${log} ${reason} (the database needs offset ${next}, the log holds ${bounds.begin} to ${bounds.end}). ${advice}`,
    );
  };
  if (bounds.begin > next || bounds.end < next) refuse('lacks records that were not applied');
  if (next === 0n) return next;
  if (logId !== null && id !== null && logId !== id) refuse('was created again');
  if (last === null) return next;
  if (bounds.begin < next) return next - 1n;
  if (id === null || logId === null) refuse('no longer holds the last record that was applied, and has no id');
  return next;
}

/**
 * Checks the number of partitions of a log.
 * @param known number that the database has stored
 * @throws WrongLogError when the partition was added, or the log has lost partitions
 */
export function checkPartitions(partition: number, { partitions }: LogState, known: number, log: string): void {
  if (partitions < known || partition >= known) {
    throw new WrongLogError(
      `Log ${log} has ${partitions} partitions, and the database has applied ${known}: partition ${partition} is not read. ${advice}`,
    );
  }
}

/** Returns the error for a record that differs from the one that was applied at its offset. */
export function differentRecord(partition: number, offset: bigint): WrongLogError {
  return new WrongLogError(
    `The record at offset ${offset} of partition ${partition} is not the one that the database has applied: the log was created again. ${advice}`,
  );
}

/** Returns the error for a record that is missing between others. */
export function missingRecord(partition: number, offset: bigint): WrongLogError {
  return new WrongLogError(
    `Partition ${partition} has no record at offset ${offset}, but later ones: the topic was compacted, or written to by another program. ${advice}`,
  );
}

const advice = 'See "The log is not the one that the database has applied" in docs/operations.md.';
