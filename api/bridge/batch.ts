import { type ChannelEvent, decodeEvent, NewerWireError } from '../events.ts';
import type { StoredRecord } from '../infra/event-log/event-log.ts';

/** A record and its event. */
export interface DecodedRecord {
  record: StoredRecord;
  /** Null if the record cannot be decoded: `reason` has the error. */
  event: ChannelEvent | null;
  reason: string;
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
 * @throws NewerWireError when the first one is: the partition waits for a newer bridge
 */
export function decodeRecords(records: readonly StoredRecord[]): DecodedRecord[] {
  const decoded: DecodedRecord[] = [];
  for (const record of records) {
    try {
      decoded.push({ record, event: decodeEvent(record), reason: '' });
    } catch (error) {
      if (!(error instanceof NewerWireError)) decoded.push({ record, event: null, reason: String(error) });
      else if (decoded.length > 0) return decoded;
      else throw error;
    }
  }
  return decoded;
}

/** Returns the events of the records that could be decoded. */
export function eventsOf({ records }: PartitionBatch): ChannelEvent[] {
  return records.flatMap(({ event }) => event ?? []);
}

/**
 * Moves the position of a locked partition behind the last record of a batch.
 * @param nexts positions of locked partitions; changed
 * @returns the events that are new; none if the partition is not locked, or lacks records before this batch
 * @throws when one of the records could not be decoded
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
    if (event === null) throw new Error(reason);
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
