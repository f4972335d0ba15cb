import { statement } from '../infra/database/statement.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, int8, nullable, text, uuid } from '../infra/database/types.ts';
import type { Position } from './log-identity.ts';

const columnsOfPosition = columns(tables.logPosition, 'p', [
  'partition',
  'nextOffset',
  'lastOffset',
  'lastRecord',
  'logId',
]);

/** Returns the position of a row. A digest counts only if no bridge of an older release, which does not know it, has moved the position since. */
export function toPosition({ nextOffset, lastOffset, lastRecord, logId }: Row<typeof columnsOfPosition.row>): Position {
  const next = BigInt(nextOffset);
  const isKnown = lastOffset !== null && BigInt(lastOffset) === next - 1n;
  return { next, last: isKnown ? lastRecord : null, logId };
}

export const insertPosition = statement({
  sql: 'INSERT INTO log_position (log, partition, next_offset) VALUES ($log, $partition, 0) ON CONFLICT DO NOTHING',
  parameters: { log: text, partition: int4 },
});

const fromPositions = 'FROM log_position p WHERE p.log = $log AND p.partition = ANY($partitions) ORDER BY p.partition';

export const selectPositions = statement({
  sql: `SELECT ${columnsOfPosition.list} ${fromPositions}`,
  parameters: { log: text, partitions: arrayOf(int4) },
  row: columnsOfPosition.row,
});

export const selectForUpdate = declareLock('FOR UPDATE');
export const selectFreeForUpdate = declareLock('FOR UPDATE SKIP LOCKED');

export const updatePositions = statement({
  sql: `
    UPDATE log_position p SET next_offset = n.next, last_offset = n.next - 1, last_record = n.record
    FROM unnest($partitions, $offsets, $records) AS n(partition, next, record)
    WHERE p.log = $log AND p.partition = n.partition`,
  parameters: { log: text, partitions: arrayOf(int4), offsets: arrayOf(int8), records: arrayOf(nullable(text)) },
});

export const updateHolder = statement({
  sql: `
    UPDATE log_position SET bridge_id = $bridgeId, replay_to = $replayTo, log_id = coalesce($logId, log_id)
    WHERE log = $log AND partition = $partition`,
  parameters: { log: text, partition: int4, bridgeId: uuid, logId: nullable(text), replayTo: int8 },
});

export const acceptPosition = statement({
  sql: `
    UPDATE log_position
    SET next_offset = $next, last_offset = NULL, last_record = NULL, log_id = $logId, replay_to = $replayTo
    WHERE log = $log AND partition = $partition`,
  parameters: { log: text, partition: int4, next: int8, logId: nullable(text), replayTo: int8 },
});

/** The bounds apply from this statement on, which sets them before it waits for a lock: they cost no round trip. */
function declareLock(clause: string) {
  const settings = `
    set_config('idle_in_transaction_session_timeout', $idleMs, true)
      || set_config('lock_timeout', $lockMs, true)
      || set_config('statement_timeout', coalesce($statementMs, current_setting('statement_timeout')), true)`;
  return statement({
    sql: `
      SELECT ${columnsOfPosition.list}, ${settings} AS settings ${fromPositions} ${clause}`,
    parameters: { log: text, partitions: arrayOf(int4), idleMs: text, lockMs: text, statementMs: nullable(text) },
    row: { ...columnsOfPosition.row, settings: text },
  });
}
