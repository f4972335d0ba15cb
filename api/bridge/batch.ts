import { type ChannelEvent, decodeEvent, NewerWireError } from '../events.ts';
import type { StoredRecord } from '../infra/event-log/event-log.ts';

/** Thrown for a batch with a record that has no event. */
export class UndecodableRecordError extends Error {
  override readonly name = 'UndecodableRecordError';
}

/** A record and its event. */
export interface DecodedRecord {
  record: StoredRecord;
  /** Null if the record must not be applied: `reason` says why. */
  event: ChannelEvent | null;
  reason: string;
  /** Whether an operator has chosen to set the record aside. */
  isChosen: boolean;
}

/** Decoded records of one partition. */
export interface PartitionBatch {
  partition: number;
  /** Offset from which they were read: the log has none between it and the first record. */
  from: bigint;
  records: readonly DecodedRecord[];
}

/**
 * Decodes records up to the first one that is too new for this process.
 * @param isChosen returns whether an operator has chosen to set aside the record at an offset: it is not decoded
 * @throws NewerWireError when the first one is: the partition waits for a newer bridge
 */
export function decodeRecords(
  records: readonly StoredRecord[],
  isChosen: (offset: bigint) => boolean,
): DecodedRecord[] {
  const decoded: DecodedRecord[] = [];
  for (const record of records) {
    try {
      decoded.push(isChosen(record.offset) ? chosen(record) : decode(record));
    } catch (error) {
      if (!(error instanceof NewerWireError))
        decoded.push({ record, event: null, reason: String(error), isChosen: false });
      else if (decoded.length > 0) return decoded;
      else throw error;
    }
  }
  return decoded;
}

function decode(record: StoredRecord): DecodedRecord {
  return { record, event: decodeEvent(record), reason: '', isChosen: false };
}

function chosen(record: StoredRecord): DecodedRecord {
  return { record, event: null, reason: 'An operator has set it aside.', isChosen: true };
}

/** Returns the events of the records that could be decoded. */
export function eventsOf({ records }: PartitionBatch): ChannelEvent[] {
  return records.flatMap(({ event }) => event ?? []);
}

/**
 * Moves the position of a locked partition behind the last record of a batch.
 * @param nexts positions of locked partitions; changed
 * @returns the events that are new; none if the partition is not locked, or lacks records before this batch
 * @throws UndecodableRecordError when one of the records has no event
 */
export function takeNewEvents(
  nexts: Map<number, bigint>,
  { partition, from, records }: PartitionBatch,
): ChannelEvent[] {
  const position = nexts.get(partition);
  if (position === undefined || from > position) return [];
  const rest = records.filter(({ record }) => record.offset >= position);
  const last = rest.at(-1);
  if (last === undefined) return [];
  nexts.set(partition, last.record.offset + 1n);
  return rest.map(({ event, reason }) => {
    if (event === null) throw new UndecodableRecordError(reason);
    return event;
  });
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
