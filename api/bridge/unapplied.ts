import type { DecodedRecord } from './batch.ts';

/** Remembers when the oldest event was made that this process has read and not applied yet: one for each partition. */
export function createUnapplied() {
  /** Next offset of partitions, as far as this process knows. A batch may begin with a record that was applied before. */
  const nexts = new Map<number, bigint>();
  /** Times of events, in ISO 8601. */
  const times = new Map<number, string>();

  return {
    /** Notes a batch that is about to be applied. */
    read(partition: number, records: readonly DecodedRecord[]): void {
      const next = nexts.get(partition) ?? 0n;
      const first = records.find(({ record, event }) => event !== null && record.offset >= next);
      if (first?.event) times.set(partition, first.event.at);
      else times.delete(partition);
    },
    /** Notes that everything before an offset is applied. */
    applied(partition: number, next: bigint): void {
      nexts.set(partition, next);
      times.delete(partition);
    },
    /**
     * Returns the age of the oldest event in seconds, by the clock of the gateway that made it; 0 if there is none.
     * @param partitions those that this process still has
     */
    oldestSeconds(partitions: readonly number[]): number {
      const made = partitions.flatMap((partition) => times.get(partition) ?? []).map((time) => Date.parse(time));
      return made.length === 0 ? 0 : Math.max(0, (Date.now() - Math.min(...made)) / 1_000);
    },
  };
}
