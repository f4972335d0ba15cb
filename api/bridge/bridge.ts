import { type ChannelEvent, decodeEvent, NewerWireError } from '../events.ts';
import { type Database, DatabaseUnavailableError, type Query } from '../infra/database/database.ts';
import type { Batch, Bounds, Consumption, EventLog, StoredRecord } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createApplied } from './applied.ts';
import { applyEvents, storeOutcomes } from './apply.ts';
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

/** The log is not the one that the database has applied: an operator is to look. */
export class WrongLogError extends Error {
  override readonly name = 'WrongLogError';
}

/** A zombie's lock on the log's position is taken from it after this many milliseconds. */
const idleTransactionMs = 5_000;
const purgeMs = 600_000;

/**
 * From the log through the database to pubsub. Each batch is one transaction that also moves the log's position, so every
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
  let consumption: Consumption | undefined;
  let purge: NodeJS.Timeout | undefined;

  /** Where the database stands in a partition; that is where to begin. */
  async function assigned(partition: number, bounds: Bounds | null): Promise<bigint> {
    const next = await database.transaction(async (query) => {
      await query('INSERT INTO log_position VALUES ($1, $2, 0) ON CONFLICT DO NOTHING', [log.name, partition]);
      return lockPosition(query, partition);
    });
    if (bounds && (bounds.begin > next || bounds.end < next)) {
      throw new WrongLogError(
        `log ${log.name}, partition ${partition} holds ${bounds.begin} to ${bounds.end}, the database wants ${next}: not the log that was`,
      );
    }
    return next;
  }

  async function handle({ partition, records }: Batch): Promise<bigint> {
    return apply(partition, readItems(records));
  }

  /** Applies items of one partition; those that break it are found by halving and set aside. */
  async function apply(partition: number, items: readonly Item[]): Promise<bigint> {
    try {
      const { next, applied } = await database.transaction((query) => applyItems(query, partition, items));
      metrics.applied(applied.outcomes.length);
      publisher.publish(applied);
      return next;
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
      const [item] = items;
      if (items.length > 1 || item === undefined) return applyHalves(partition, items);
      return setAside(partition, item, error);
    }
  }

  async function applyHalves(partition: number, items: readonly Item[]): Promise<bigint> {
    const half = Math.ceil(items.length / 2);
    const next = await apply(partition, items.slice(0, half));
    const first = items[half];
    return first && next >= first.record.offset ? apply(partition, items.slice(half)) : next;
  }

  async function applyItems(query: Query, partition: number, items: readonly Item[]) {
    const position = await lockPosition(query, partition);
    const [first] = items;
    const rest = items.filter(({ record }) => record.offset >= position);
    const last = rest.at(-1);
    if (first === undefined || first.record.offset > position || last === undefined) {
      return { next: position, applied: createApplied() };
    }
    const unreadable = rest.find(({ event }) => event === null);
    if (unreadable) throw new Error(unreadable.reason);
    const applied = await applyEvents(
      query,
      rest.flatMap(({ event }) => event ?? []),
    );
    const next = await movePosition(query, partition, last.record.offset + 1n);
    return { next, applied };
  }

  async function setAside(partition: number, { record, event }: Item, error: unknown): Promise<bigint> {
    const reason = error instanceof Error ? error.message : String(error);
    await log.setAside(partition, record, reason);
    metrics.setAside();
    logger.error({ partition, offset: String(record.offset), reason }, 'a record cannot be applied and was set aside');
    const applied = createApplied();
    if (event) applied.outcomes.push({ event, outcome: { applied: false, rejection: poison } });
    const next = await database.transaction(async (query) => {
      if ((await lockPosition(query, partition)) !== record.offset) return lockPosition(query, partition);
      await storeOutcomes(query, applied.outcomes);
      return movePosition(query, partition, record.offset + 1n);
    });
    publisher.publish(applied);
    return next;
  }

  /** The offset that the database wants next, locked until the transaction ends: one bridge at a time. */
  async function lockPosition(query: Query, partition: number): Promise<bigint> {
    const [row] = await query<{ next: string }>(
      `SELECT next_offset::text AS next, set_config('idle_in_transaction_session_timeout', $3, true)
       FROM log_position WHERE log = $1 AND partition = $2 FOR UPDATE`,
      [log.name, partition, String(idleTransactionMs)],
    );
    if (row === undefined)
      throw new DatabaseUnavailableError(`no position for log ${log.name}, partition ${partition}`);
    return BigInt(row.next);
  }

  async function movePosition(query: Query, partition: number, next: bigint): Promise<bigint> {
    await query('UPDATE log_position SET next_offset = $3::bigint WHERE log = $1 AND partition = $2', [
      log.name,
      partition,
      String(next),
    ]);
    return next;
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
