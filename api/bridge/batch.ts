import { decodeEvent, NewerWireError } from '../event-records.ts';
import type { Logged } from '../events.ts';
import type { StoredRecord } from '../infra/event-log/event-log.ts';
import { differentRecord, digestOf, missingRecord, type Position } from './log-identity.ts';

/** Thrown for a batch with a record that has no event. */
export class UndecodableRecordError extends Error {
  override readonly name = 'UndecodableRecordError';
}

/** A record and its event. */
export interface DecodedRecord {
  record: StoredRecord;
  /** Null if the record must not be applied: `error` says why. */
  event: Logged | null;
  error: unknown;
  /** Whether an operator has chosen to set the record aside. */
  isChosen: boolean;
}

/** Decoded records of one partition. */
export interface PartitionBatch {
  partition: number;
  /** Offset from which they were read: the log has no record between it and the first one. */
  from: bigint;
  records: readonly DecodedRecord[];
}

/**
 * Decodes records up to the first one that is too new for this process. If that is the first of all, it is returned with its
 * error, and the others behind it: it may have been applied before.
 * @param isChosen returns whether an operator has chosen to set aside the record at an offset: it is not decoded
 */
export function decodeRecords(
  partition: number,
  records: readonly StoredRecord[],
  isChosen: (offset: bigint) => boolean,
): DecodedRecord[] {
  const decoded: DecodedRecord[] = [];
  for (const record of records) {
    const one = isChosen(record.offset) ? chosen(record) : decode(partition, record);
    if (one.error instanceof NewerWireError && decoded.length > 0) return decoded;
    decoded.push(one);
  }
  return decoded;
}

function decode(partition: number, record: StoredRecord): DecodedRecord {
  try {
    const place = { partition, offset: Number(record.offset) };
    return { record, event: { ...decodeEvent(record), ...place }, error: null, isChosen: false };
  } catch (error) {
    return { record, event: null, error, isChosen: false };
  }
}

function chosen(record: StoredRecord): DecodedRecord {
  return { record, event: null, error: 'An operator has set it aside.', isChosen: true };
}

/** Returns the events of the records that could be decoded. */
export function eventsOf({ records }: PartitionBatch): Logged[] {
  return records.flatMap(({ event }) => event ?? []);
}

/**
 * Moves the position of a locked partition behind the last record of a batch, or behind the last one before a gap.
 * @param positions positions of locked partitions; changed
 * @returns the events that are new; none if the partition is not locked, or lacks records before this batch
 * @throws WrongLogError when the log lacks the next record, or has another one where the last one was applied
 * @throws UndecodableRecordError when one of the records has no event; NewerWireError when it is too new
 */
export function takeNewEvents(positions: Map<number, Position>, batch: PartitionBatch): Logged[] {
  const { partition, from } = batch;
  const position = positions.get(partition);
  if (position === undefined || from > position.next) return [];
  checkLast(position, batch);
  const rest = followingRecords(position, batch);
  const last = rest.at(-1)?.record;
  if (last === undefined) return [];
  positions.set(partition, { ...position, next: last.offset + 1n, last: digestOf(last) });
  return rest.map(({ event, error }) => {
    if (error instanceof NewerWireError) throw error;
    if (event === null) throw new UndecodableRecordError(String(error));
    return event;
  });
}

/** Compares the record before the position with the one that was applied, if the batch reaches it. */
function checkLast({ next, last }: Position, { partition, from, records }: PartitionBatch): void {
  const offset = next - 1n;
  if (last === null || from > offset) return;
  const found = records.find(({ record }) => record.offset >= offset)?.record;
  if (found === undefined) return;
  if (found.offset > offset) throw missingRecord(partition, offset);
  if (digestOf(found) !== last) throw differentRecord(partition, offset);
}

/** Returns the records from the position on, up to a gap. */
function followingRecords({ next }: Position, { partition, records }: PartitionBatch): DecodedRecord[] {
  const rest = records.filter(({ record }) => record.offset >= next);
  const gap = rest.findIndex(({ record }, index) => record.offset !== next + BigInt(index));
  if (gap === 0) throw missingRecord(partition, next);
  return gap < 0 ? rest : rest.slice(0, gap);
}

/** Splits a batch of at least two records into two halves. */
export function halve({ partition, from, records }: PartitionBatch): [PartitionBatch, PartitionBatch] {
  const half = Math.ceil(records.length / 2);
  const middle = (records[half - 1]?.record.offset ?? 0n) + 1n;
  return [
    { partition, from, records: records.slice(0, half) },
    { partition, from: middle, records: records.slice(half) },
  ];
}
