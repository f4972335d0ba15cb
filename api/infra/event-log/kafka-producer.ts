import { UnavailableError } from '../../errors.ts';
import type { ClusterOptions } from './kafka-client.ts';
import { createLane, createPendingRecord, type Lane, type PendingRecord } from './kafka-lane.ts';
import { createPartitionOf, type Outgoing, type PartitionOf } from './kafka-messages.ts';

/** A batch that takes more than this fraction (1/4) of its timeout no longer blocks the batches behind it. */
const lateShare = 4;

/**
 * Creates a producer. All partitions share one lane. If a batch is late, each of its partitions gets a lane of its own, queued
 * behind the batch, until it stores records again; the others continue over a new shared lane. So a partition that cannot be
 * written to does not block the others.
 * @param options.partitions resolves with the number of partitions of the events topic
 * @param options.maxQueued maximum number of pending records; further ones fail with UnavailableError
 */
export function createKafkaProducer(options: ClusterOptions & { partitions: Promise<number>; maxQueued: number }) {
  const { timeoutMs, maxQueued } = options;
  const partitionOf = options.partitions.then(createPartitionOf);
  const lanes = new Set<Lane>();
  const separate = new Map<string, Lane>();
  let shared = openShared();
  let known: PartitionOf | undefined;
  let waiting = 0;
  let stopped = false;
  partitionOf.then(
    (found) => {
      known = found;
    },
    () => {},
  );

  /** Resolves when the record is in the log; rejects with `UnavailableError` at the latest after the timeout. */
  function send(record: Outgoing): Promise<void> {
    if (stopped) return Promise.reject(new UnavailableError('The server is stopping: try again.'));
    if (waiting >= maxQueued) {
      return Promise.reject(new UnavailableError('The server is overloaded: try again in a moment.'));
    }
    waiting++;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        waiting--;
        if (error) reject(error);
        else resolve();
      };
      push(createPendingRecord(record, timeoutMs, settle));
    });
  }

  function push(one: PendingRecord): void {
    const lane = known && separate.size > 0 ? separate.get(slotOf(one, known)) : undefined;
    (lane ?? shared).push(one);
  }

  function openShared(): Lane {
    const lane = createLane({ ...options, partitionOf, lateMs: timeoutMs / lateShare, onLate });
    lanes.add(lane);
    return lane;

    function onLate(batch: readonly PendingRecord[], ended: Promise<unknown>): void {
      // Partitions are unknown until the topic exists.
      if (known === undefined) return;
      for (const one of batch) openSeparate(slotOf(one, known), ended);
      shared = openShared();
      for (const one of lane.takeQueued()) push(one);
      void close(lane);
    }
  }

  function openSeparate(slot: string, after: Promise<unknown>): void {
    if (separate.has(slot)) return;
    const onStored = () => {
      separate.delete(slot);
      void close(lane);
    };
    const lane = createLane({ ...options, partitionOf, after, onStored });
    lanes.add(lane);
    separate.set(slot, lane);
  }

  async function close(lane: Lane): Promise<void> {
    await lane.close();
    lanes.delete(lane);
  }

  return {
    send,
    /** Waits until every pending record is settled, each within its timeout. */
    async stop(): Promise<void> {
      stopped = true;
      while (lanes.size > 0) await Promise.all([...lanes].map(close));
    },
  };
}

function slotOf({ record }: PendingRecord, partitionOf: PartitionOf): string {
  return `${record.topic} ${partitionOf(record)}`;
}
