import { batched } from '../batched.ts';
import { type ChannelEvent, decodeEvent, NewerWireError } from '../events.ts';
import { type Database, DatabaseUnavailableError, type Query } from '../infra/database/database.ts';
import type { Batch, Bounds, Consumption, EventLog, StoredRecord } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { applyEvents, readOutcomes, storeOutcomes } from './apply.ts';
import { createChangeset } from './changeset.ts';
import { createPositions } from './positions.ts';
import { createPublisher } from './publish.ts';

/** What the bridge counts. */
export interface BridgeMetrics {
  applied(events: number): void;
  setAside(): void;
  publishFailed(): void;
}

/** A record as the bridge reads it. */
interface Item {
  record: StoredRecord;
  /** Null where the record cannot be read: `reason` says why. */
  event: ChannelEvent | null;
  reason: string;
}

/** What came of one partition. */
interface Share {
  partition: number;
  /** Where it was read from: nothing lies between that and the first item. */
  from: bigint;
  items: readonly Item[];
}

/** The log is not the one that the database has applied: an operator is to look. */
export class WrongLogError extends Error {
  override readonly name = 'WrongLogError';
}

const purgeMs = 600_000;

/**
 * From the log through the database to pubsub. Batches are applied in transactions that also move the log's position, so every
 * event takes effect exactly once, whoever else believes to hold the partition; what it changed is published after the
 * commit, once at most.
 */
export function createBridge(options: {
  log: EventLog;
  database: Database;
  pubsub: PubSub;
  metrics: BridgeMetrics;
  logger: Logger;
}) {
  const { log, database, metrics, logger } = options;
  const publisher = createPublisher(options);
  const positions = createPositions(log.name);
  let consumption: Consumption | undefined;
  let purge: NodeJS.Timeout | undefined;

  /** Where the database stands in a partition; that is where to begin. */
  async function assigned(partition: number, bounds: Bounds | null): Promise<bigint> {
    const next = await database.transaction(async (query) => {
      await positions.add(query, partition);
      return lockOne(query, partition);
    });
    if (bounds && (bounds.begin > next || bounds.end < next)) {
      throw new WrongLogError(
        `log ${log.name}, partition ${partition} holds ${bounds.begin} to ${bounds.end}, the database wants ${next}: not the log that was`,
      );
    }
    return next;
  }

  async function handle({ partition, records, from = records[0]?.offset ?? 0n }: Batch): Promise<bigint> {
    const share = { partition, from, items: readItems(records) };
    return (await together(share)) ?? apply(share);
  }

  /**
   * Applies what came of several partitions in one transaction: a commit costs as much as dozens of messages.
   * @returns where each goes on; null where a share is to be applied by itself: another bridge has its partition locked, or
   *   one of them breaks the transaction
   */
  const together = batched(async (shares: readonly Share[]): Promise<(bigint | null)[]> => {
    const nexts = await applyShares(shares, positions.lockFree).catch(() => new Map<number, bigint>());
    return shares.map(({ partition }) => nexts.get(partition) ?? null);
  });

  /** Applies what came of one partition; items that break it are found by halving and set aside. */
  async function apply(share: Share): Promise<bigint> {
    const { partition, from, items } = share;
    try {
      const next = (await applyShares([share], positions.lock)).get(partition);
      return next ?? lost(partition);
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
      const [item] = items;
      if (items.length > 1 || item === undefined) return applyHalves(share);
      return setAside(partition, from, item, error);
    }
  }

  async function applyHalves({ partition, from, items }: Share): Promise<bigint> {
    const half = Math.ceil(items.length / 2);
    const middle = (items[half - 1]?.record.offset ?? 0n) + 1n;
    const next = await apply({ partition, from, items: items.slice(0, half) });
    return next >= middle ? apply({ partition, from: middle, items: items.slice(half) }) : next;
  }

  /** @returns where the partitions that were locked go on */
  async function applyShares(shares: readonly Share[], lock: typeof positions.lock): Promise<Map<number, bigint>> {
    const { nexts, applied } = await database.transaction(async (query) => {
      // What depends on nothing in between goes out together: each round trip is time that the partitions are locked.
      const [nexts, known] = await Promise.all([
        lock(
          query,
          shares.map(({ partition }) => partition),
        ),
        readOutcomes(query, shares.flatMap(eventsOf)),
      ]);
      const events = shares.flatMap((share) => advance(nexts, share));
      if (events.length === 0) return { nexts, applied: createChangeset() };
      const [applied] = await Promise.all([applyEvents(query, events, known), positions.move(query, nexts)]);
      return { nexts, applied };
    });
    metrics.applied(applied.outcomes.length);
    publisher.publish(applied);
    return nexts;
  }

  async function setAside(partition: number, from: bigint, { record, event }: Item, error: unknown): Promise<bigint> {
    const reason = error instanceof Error ? error.message : String(error);
    await log.setAside(partition, record, reason);
    metrics.setAside();
    logger.error({ partition, offset: String(record.offset), reason }, 'a record cannot be applied and was set aside');
    const applied = createChangeset();
    if (event) applied.outcomes.push({ event, outcome: { applied: false, rejection: poison } });
    const next = await database.transaction(async (query) => {
      const position = await lockOne(query, partition);
      if (position < from || position > record.offset) return position;
      await storeOutcomes(query, applied.outcomes);
      await positions.move(query, new Map([[partition, record.offset + 1n]]));
      return record.offset + 1n;
    });
    publisher.publish(applied);
    return next;
  }

  async function lockOne(query: Query, partition: number): Promise<bigint> {
    return (await positions.lock(query, [partition])).get(partition) ?? lost(partition);
  }

  function lost(partition: number): never {
    throw new DatabaseUnavailableError(`no position for log ${log.name}, partition ${partition}`);
  }

  async function purgeOutcomes(): Promise<void> {
    await database
      .query('DELETE FROM outcome WHERE expires_at < now()')
      .catch((error: unknown) =>
        logger.warn({ error }, 'expired outcomes were not deleted; the next round tries again'),
      );
  }

  return {
    assigned,
    handle,
    async start(): Promise<void> {
      consumption = await log.consume({ assigned, handle });
      purge = setInterval(purgeOutcomes, purgeMs);
    },
    /** Lets the batch in hand finish, and what it changed be published. */
    async stop(): Promise<void> {
      clearInterval(purge);
      await consumption?.stop();
      await publisher.drain();
    },
  };
}

const poison = {
  code: 'UNAVAILABLE',
  message: 'This could not be applied and was set aside for the operators of this server.',
} as const;

/** Those that can be read. */
function eventsOf({ items }: Share): ChannelEvent[] {
  return items.flatMap(({ event }) => event ?? []);
}

/**
 * Moves a partition that is locked beyond what it brought.
 * @param nexts where partitions stand; changed
 * @returns the events that are new; none where the partition is not locked, or its next record lies before these
 * @throws when one of them cannot be read
 */
function advance(nexts: Map<number, bigint>, { partition, from, items }: Share): ChannelEvent[] {
  const position = nexts.get(partition);
  if (position === undefined || from > position) return [];
  const rest = items.filter(({ record }) => record.offset >= position);
  const last = rest.at(-1);
  if (last === undefined) return [];
  nexts.set(partition, last.record.offset + 1n);
  return rest.map(({ event, reason }) => {
    if (event === null) throw new Error(reason);
    return event;
  });
}

/**
 * What this process can read of the records: those before one that is too new for it.
 * @throws NewerWireError when that is the first: the partition waits for a newer bridge
 */
function readItems(records: readonly StoredRecord[]): Item[] {
  const items: Item[] = [];
  for (const record of records) {
    try {
      items.push({ record, event: decodeEvent(record), reason: '' });
    } catch (error) {
      if (!(error instanceof NewerWireError)) items.push({ record, event: null, reason: String(error) });
      else if (items.length > 0) return items;
      else throw error;
    }
  }
  return items;
}
