import type { Database } from '../infra/database/database.ts';
import { acceptPartitions, knownPartitions } from '../infra/database/event-logs.ts';
import type { Bounds, EventLog } from '../infra/event-log/event-log.ts';
import { type Position, startOf, WrongLogError } from './log-identity.ts';
import { createPositions, patientTimes } from './positions.ts';
import { forgetOffsets } from './untracked.ts';

/** A partition as the log holds it and as the database has applied it. */
export interface PartitionStatus {
  partition: number;
  /** Next offset that the database needs. */
  next: bigint;
  /** Offsets that the log holds: the first, and the one after the last. */
  begin: bigint;
  end: bigint;
  /** Reason for which bridges do not read the partition; null if they do, as far as its last record agrees. */
  problem: string | null;
}

/** Effect of an accepted offset. */
interface AcceptedPosition {
  /** The offset at which bridges continue. */
  next: bigint;
  /** Number of records of the log that were not applied and never will be. */
  skipped: bigint;
  /** Number of records before the position of the database that are read again. */
  repeated: bigint;
}

/** Where bridges continue: at the first record of the log, after its last one, or at an offset. */
export type AcceptedOffset = 'begin' | 'end' | bigint;

/** Thrown for a request of the operator that makes no sense; the message says why. */
export class AcceptError extends Error {
  override readonly name = 'AcceptError';
}

/**
 * Creates the operator's view of a log, and the two ways to continue with a log that bridges refuse. Both use the locks of the
 * bridges, which may be running and continue within a second.
 */
export function createLogAcceptance(log: Pick<EventLog, 'name' | 'describe'>, database: Database) {
  const positions = createPositions(log.name);

  return { status, preview, accept, acceptPartitionCount };

  /** Returns the state of every partition of the log, in order. */
  async function status(): Promise<PartitionStatus[]> {
    const { id, partitions, bounds } = await log.describe();
    const known = await knownPartitions(database.query, log.name, partitions);
    // Bridges are not kept waiting: a partition may be locked for seconds.
    const stored = await positions.read(database.query, [...bounds.keys()]);
    return [...bounds]
      .sort(([a], [b]) => a - b)
      .map(([partition, range]) => {
        const position = stored.get(partition) ?? unknown;
        const state = { id, partitions, bounds: range };
        const added = partition >= known ? `the database knows ${known} partitions: this one was added` : null;
        return {
          partition,
          next: position.next,
          ...range,
          problem: added ?? problemOf(() => startOf(position, partition, state, log.name)),
        };
      });
  }

  /**
   * Lets bridges continue with a partition at an offset, also at one below their position. Records that were applied already
   * are recognised by the ids of their events for as long as their outcomes or entries are kept.
   * @throws AcceptError when the log does not have the partition or the offset
   */
  async function accept(partition: number, from: AcceptedOffset): Promise<AcceptedPosition> {
    const { id, next, range } = await locate(partition, from);
    return database.transaction(async (query) => {
      await positions.add(query, partition);
      const before = await positions.lockOne(query, partition, patientTimes);
      if (before.logId === null || before.logId !== id) await forgetOffsets(query, partition);
      await positions.accept(query, partition, { next, logId: id, replayTo: range.end });
      return effectOf(before, next, { id, range });
    });
  }

  /** Returns the effect that `accept` would have, and changes nothing. @throws AcceptError as `accept` does */
  async function preview(partition: number, from: AcceptedOffset): Promise<AcceptedPosition> {
    const { id, next, range } = await locate(partition, from);
    const before = (await positions.read(database.query, [partition])).get(partition) ?? unknown;
    return effectOf(before, next, { id, range });
  }

  async function locate(partition: number, from: AcceptedOffset) {
    const { id, bounds } = await log.describe();
    const range = bounds.get(partition);
    if (range === undefined) throw new AcceptError(`Log ${log.name} has no partition ${partition} with a leader.`);
    const next = from === 'begin' ? range.begin : from === 'end' ? range.end : from;
    if (next < range.begin || next > range.end)
      throw new AcceptError(
        `Partition ${partition} holds offsets ${range.begin} to ${range.end}: it cannot continue at ${next}.`,
      );
    return { id, next, range };
  }

  /**
   * Accepts the number of partitions that the log has. Channels move between partitions, so everything that the log holds must
   * have been applied, and no gateway may be running.
   * @returns the number
   * @throws AcceptError when a partition has records that were not applied
   */
  async function acceptPartitionCount(): Promise<number> {
    const { partitions, bounds } = await log.describe();
    await database.transaction(async (query) => {
      const stored = await positions.lock(query, [...bounds.keys()], patientTimes);
      const behind = [...bounds].filter(([partition, { end }]) => (stored.get(partition)?.next ?? 0n) < end);
      if (behind.length > 0 || bounds.size < partitions)
        throw new AcceptError(
          `Partitions with records that were not applied, or without a leader: ${behind.map(([partition]) => partition).join(', ')}. Wait for the bridges, or accept an offset for each.`,
        );
      await forgetOffsets(query, null);
      await acceptPartitions(query, log.name, partitions);
    });
    return partitions;
  }
}

/** Position of a partition that no bridge has read. */
const unknown: Position = { next: 0n, last: null, logId: null };

/** Of a log that was created again no record was applied: another id shows that, or that it ends before the position. */
function effectOf(
  position: Position,
  next: bigint,
  { id, range }: { id: string | null; range: Bounds },
): AcceptedPosition {
  const { next: before, logId } = position;
  const isOther = before > range.end || (logId !== null && id !== null && logId !== id);
  const applied = isOther || before < range.begin ? range.begin : before;
  const distance = next - applied;
  return { next, skipped: distance > 0n ? distance : 0n, repeated: distance < 0n ? -distance : 0n };
}

function problemOf(check: () => unknown): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof WrongLogError) return error.message;
    throw error;
  }
}
