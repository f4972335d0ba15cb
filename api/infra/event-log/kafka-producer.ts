import { UnavailableError } from '../../errors.ts';
import type { ClusterOptions } from './kafka-client.ts';
import { createLane, createWaiting, type Lane, type Waiting } from './kafka-lane.ts';
import { createPartitionOf, type Outgoing, type PartitionOf } from './kafka-messages.ts';

/** A batch that takes a quarter of its time holds up those behind it no longer. */
const lateShare = 4;

/**
 * Sends records over one lane that all partitions share. Where a batch is late its partitions get a lane each, behind it,
 * until they stored something again, and the others go on over a new one: one that cannot be written to stops no other.
 * @param options.partitions the number of partitions of the events' topic
 * @param options.maxQueued how many records may wait; further ones are refused
 */
export function createKafkaProducer(options: ClusterOptions & { partitions: Promise<number>; maxQueued: number }) {
  const { timeoutMs, maxQueued } = options;
  const partitionOf = options.partitions.then(createPartitionOf);
  const lanes = new Set<Lane>();
  const apart = new Map<string, Lane>();
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

  /** Resolves when the record is in the log; rejects with `UnavailableError` after the timeout at the latest. */
  function send(record: Outgoing): Promise<void> {
    if (stopped) return Promise.reject(new UnavailableError('The server is stopping: try again.'));
    if (waiting >= maxQueued) {
      return Promise.reject(new UnavailableError('The server cannot keep up now: try again in a moment.'));
    }
    waiting++;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        waiting--;
        if (error) reject(error);
        else resolve();
      };
      push(createWaiting(record, timeoutMs, settle));
    });
  }

  function push(one: Waiting): void {
    const lane = known && apart.size > 0 ? apart.get(slotOf(one, known)) : undefined;
    (lane ?? shared).push(one);
  }

  function openShared(): Lane {
    const lane = createLane({ ...options, partitionOf, lateMs: timeoutMs / lateShare, onLate });
    lanes.add(lane);
    return lane;

    function onLate(batch: readonly Waiting[], ended: Promise<unknown>): void {
      // Before the topic is there nothing can be told apart.
      if (known === undefined) return;
      for (const one of batch) openApart(slotOf(one, known), ended);
      shared = openShared();
      for (const one of lane.takeWaiting()) push(one);
      void close(lane);
    }
  }

  function openApart(slot: string, after: Promise<unknown>): void {
    if (apart.has(slot)) return;
    const onStored = () => {
      apart.delete(slot);
      void close(lane);
    };
    const lane = createLane({ ...options, partitionOf, after, onStored });
    lanes.add(lane);
    apart.set(slot, lane);
  }

  async function close(lane: Lane): Promise<void> {
    await lane.close();
    lanes.delete(lane);
  }

  return {
    send,
    /** Lets what was taken end, each record within its time. */
    async stop(): Promise<void> {
      stopped = true;
      while (lanes.size > 0) await Promise.all([...lanes].map(close));
    },
  };
}

function slotOf({ record }: Waiting, partitionOf: PartitionOf): string {
  return `${record.topic} ${partitionOf(record)}`;
}
