import { DatabaseUnavailableError, type Query } from './database.ts';
import { statement } from './statement.ts';
import { columns } from './table.ts';
import { tables } from './tables.ts';
import { int4, nullable, text, uuid } from './types.ts';

/**
 * Returns the number of partitions that the database knows of a log. The first caller stores it.
 * @param found number that the log has
 */
export async function knownPartitions(query: Query, log: string, found: number): Promise<number> {
  const [known] = await query(insertEventLog, { log, found });
  if (known) return known.partitions;
  // Another process stored it at the same moment, which only a further statement sees.
  const [stored] = await query(insertEventLog, { log, found });
  if (stored === undefined) throw new DatabaseUnavailableError(`The database has no row for log ${log}.`);
  return stored.partitions;
}

/** Stores another number of partitions of a log. Everything that it holds must have been applied. */
export async function acceptPartitions(query: Query, log: string, partitions: number): Promise<void> {
  await query(updatePartitions, { log, partitions });
}

/**
 * Returns the newest version of records that every running bridge can read; null if no running bridge has announced one.
 * @param log name of the log
 */
export async function readableWireVersion(query: Query, log: string): Promise<number | null> {
  const [found] = await query(selectWireVersion, { log });
  return found?.wireVersion ?? null;
}

/**
 * Announces a running bridge, or renews its row.
 * @param bridge.leaseMs milliseconds for which the row counts unless it is renewed
 */
export async function announceBridge(
  query: Query,
  bridge: { id: string; log: string; wireVersion: number; leaseMs: number },
): Promise<void> {
  await query(upsertBridge, bridge);
}

/** Removes a bridge that stops, and those that have not renewed their rows for an hour. */
export async function removeBridge(query: Query, id: string): Promise<void> {
  await query(deleteBridge, { id });
}

/**
 * Returns the partitions of which the database has applied everything that they held when a running bridge took them over.
 * The others wait for a bridge, or a bridge replays them after a backup was restored.
 */
export async function caughtUpPartitions(query: Query, log: string): Promise<Set<number>> {
  const rows = await query(selectCaughtUp, { log });
  return new Set(rows.map(({ partition }) => partition));
}

const eventLog = columns(tables.eventLog, 'l', ['partitions']);

const insertEventLog = statement({
  sql: `
    WITH added AS (
      INSERT INTO event_log AS l (name, partitions)
      SELECT $log, greatest($found, (SELECT max(p.partition) + 1 FROM log_position p WHERE p.log = $log))
      WHERE NOT EXISTS (SELECT FROM event_log l WHERE l.name = $log)
      ON CONFLICT DO NOTHING RETURNING ${eventLog.list}
    )
    SELECT partitions FROM added UNION ALL SELECT ${eventLog.list} FROM event_log l WHERE l.name = $log`,
  parameters: { log: text, found: int4 },
  row: eventLog.row,
});

const updatePartitions = statement({
  sql: 'UPDATE event_log SET partitions = $partitions WHERE name = $log',
  parameters: { log: text, partitions: int4 },
});

const selectWireVersion = statement({
  sql: 'SELECT min(b.wire_version) AS "wireVersion" FROM bridge b WHERE b.log = $log AND b.expires_at > now()',
  parameters: { log: text },
  row: { wireVersion: nullable(int4) },
});

const upsertBridge = statement({
  sql: `
    INSERT INTO bridge (id, log, wire_version, expires_at)
    VALUES ($id, $log, $wireVersion, now() + $leaseMs * interval '1 millisecond')
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`,
  parameters: { id: uuid, log: text, wireVersion: int4, leaseMs: int4 },
});

const deleteBridge = statement({
  sql: `DELETE FROM bridge WHERE id = $id OR expires_at < now() - interval '1 hour'`,
  parameters: { id: uuid },
});

const position = columns(tables.logPosition, 'p', ['partition']);

const selectCaughtUp = statement({
  sql: `
    SELECT ${position.list} FROM log_position p JOIN bridge b ON b.id = p.bridge_id AND b.expires_at > now()
    WHERE p.log = $log AND p.next_offset >= p.replay_to`,
  parameters: { log: text },
  row: position.row,
});
