import { NotFoundError } from '../../errors.ts';
import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { int4, nullable, timestamptz, uuid } from '../../infra/database/types.ts';
import type { LogGuard } from '../log-guard.ts';
import type { Submit } from '../submit-event.ts';
import { type CleanupJob, dayMs, lowestId, onceCaughtUp, portion } from './job.ts';

/** Maximum number of channels that one step trims, and of the entries that it looks at in each of them. */
const channelsPerStep = 10;
const entriesPerChannel = 200;

/**
 * Creates the job that removes messages which are older than the retention. Channels belong to the bridge, so it submits an event for
 * each, which removes a bounded number of entries; the next steps go on there.
 * @param options.retentionMs age in milliseconds at which messages are removed
 * @param options.now returns epoch milliseconds
 */
export function createHistoryTrimming(options: {
  database: Pick<Database, 'query'>;
  submit: Submit;
  guard: Pick<LogGuard, 'isCaughtUp'>;
  retentionMs: number;
  now?: () => number;
}): CleanupJob {
  const { database, submit, guard, retentionMs, now = Date.now } = options;
  return onceCaughtUp(guard, { name: 'old messages', intervalMs: dayMs, step });

  /** A portion of channels is looked at again until none of them has old messages. */
  async function step(cursor: string | null) {
    const after = cursor ?? lowestId;
    const before = new Date(now() - retentionMs);
    const found = await database.query(selectOld, { after, before });
    const due = found.flatMap(({ id, throughSeq }) => (id && throughSeq ? [{ channelId: id, throughSeq }] : []));
    for (const channel of due) await trim(channel);
    return { next: due.length > 0 ? after : (found[0]?.lastId ?? null), removed: {} };
  }

  /** A match may be removed as a whole at that moment. */
  async function trim(channel: { channelId: string; throughSeq: number }): Promise<void> {
    try {
      await submit({ type: 'HistoryTrimmed', actorId: lowestId, ...channel });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
}

/**
 * Selects, of the next channels by id, those whose first entry is too old, with the seq of the last such entry among the first ones.
 * There is one row at least, which has the last id of the portion. Times are those of gateways, so that of a later entry may be lower.
 */
const selectOld = statement({
  sql: `
    WITH portion AS MATERIALIZED (
      SELECT c.id FROM channel c WHERE c.id > $after ORDER BY c.id LIMIT ${portion}
    ), due AS (
      SELECT p.id FROM portion p WHERE (
        SELECT e.sent_at < $before FROM entry e WHERE e.channel_id = p.id ORDER BY e.seq LIMIT 1)
      ORDER BY p.id LIMIT ${channelsPerStep}
    )
    SELECT (SELECT p.id FROM portion p ORDER BY p.id DESC LIMIT 1) AS "lastId", d.id, (
        SELECT max(f.seq) FROM (
          SELECT e.seq, e.sent_at FROM entry e WHERE e.channel_id = d.id ORDER BY e.seq LIMIT ${entriesPerChannel}) f
        WHERE f.sent_at < $before) AS "throughSeq"
    FROM (SELECT) one LEFT JOIN due d ON true`,
  parameters: { after: uuid, before: timestamptz },
  row: { lastId: nullable(uuid), id: nullable(uuid), throughSeq: nullable(int4) },
});
