import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { arrayOf, bool, int4, text, uuid } from '../../infra/database/types.ts';
import type { EventLog } from '../../infra/event-log/event-log.ts';
import { type CleanupJob, dayMs, lowestId, portion } from './job.ts';

/**
 * Creates the job that begins to track the offsets of channels that no bridge has changed since offsets are stored, or that a
 * bridge of the release before has changed. Until then cursors resynchronise these channels as a whole.
 */
export function createOffsetTracking(options: {
  database: Pick<Database, 'query'>;
  log: Pick<EventLog, 'name' | 'partitionOf'>;
}): CleanupJob {
  const { query } = options.database;
  const { log } = options;
  return {
    name: 'offsets',
    intervalMs: dayMs,
    async step(cursor) {
      const channels = await query(selectNext, { after: cursor ?? lowestId });
      const untracked = channels.filter(({ isTracked }) => !isTracked);
      if (untracked.length > 0) await track(untracked);
      return { next: channels.length < portion ? null : (channels.at(-1)?.id ?? null), removed: {} };
    },
  };

  async function track(channels: readonly { id: string; version: number }[]): Promise<void> {
    await query(trackChannels, {
      log: log.name,
      ids: channels.map(({ id }) => id),
      versions: channels.map(({ version }) => version),
      partitions: await Promise.all(channels.map(({ id }) => log.partitionOf(id))),
    });
  }
}

const selectNext = statement({
  sql: `
    SELECT c.id, c.version, c.log_version IS NOT DISTINCT FROM c.version AS "isTracked"
    FROM channel c WHERE c.id > $after ORDER BY c.id LIMIT ${portion}`,
  parameters: { after: uuid },
  row: { id: uuid, version: int4, isTracked: bool },
});

/**
 * Tracks channels from the offset on that their partition has applied up to. A channel that has changed meanwhile is left to
 * the next round: that change may come after the offset, which this statement read first. So is a channel that a transaction holds.
 */
const trackChannels = statement({
  sql: `
    WITH wanted AS MATERIALIZED (
      SELECT w.id, w.version, p.partition, p.next_offset AS next
      FROM unnest($ids, $versions, $partitions) AS w(id, version, partition)
      JOIN log_position p ON p.log = $log AND p.partition = w.partition
    )
    UPDATE channel c SET log_version = c.version, log_partition = w.partition, log_offset = w.next - 1,
      changed_offset = w.next - 1, tracked_from = w.next, tracked_position = c.position
    FROM wanted w
    WHERE c.id = w.id AND c.version = w.version AND c.log_version IS DISTINCT FROM c.version AND c.id = ANY(ARRAY(
      SELECT id FROM channel WHERE id = ANY($ids) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))`,
  parameters: { log: text, ids: arrayOf(uuid), versions: arrayOf(int4), partitions: arrayOf(int4) },
});
