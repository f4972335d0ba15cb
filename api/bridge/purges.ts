import type { EventOf, Logged, Outcome } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, bool, int4, nullable, timestamptz, uuid } from '../infra/database/types.ts';
import { type ChangeContext, done } from './change-context.ts';
import { deleteEntry } from './entry-writes.ts';

/** Maximum number of entries that one step examines, and of messages that it deletes. */
const maxExamined = 2_000;
const maxDeleted = 50;
/** Maximum seconds by which the clocks of gateways differ, so that messages are not quite in the order of their times. */
const clockSkewSeconds = 600;

/** Notes that the messages of a user in a channel since a time must be deleted, in steps that follow. */
export async function startPurge(
  query: Query,
  { channelId, userId }: { channelId: string; userId: string },
  since: string,
): Promise<void> {
  await query(upsertPurge, { channelId, userId, since });
}

/**
 * Deletes the next messages of a purge, each as a change of its own, from the newest on. The step that examined the last ones
 * removes the purge; a repeated event does the next step, or nothing.
 */
export async function purge(event: Logged<EventOf<'MessagesPurged'>>, context: ChangeContext): Promise<Outcome> {
  const { query, changeset } = context;
  const { channelId, userId } = event;
  const [step] = await query(selectStep, { channelId, userId });
  if (step === undefined) return done;
  for (const messageId of step.ids) await deleteEntry(query, { ...event, messageId }, changeset);
  if (step.isLast) await query(deletePurge, { channelId, userId });
  else await query(updatePurge, { channelId, userId, belowSeq: step.lowestSeq ?? 0 });
  return done;
}

const key = { channelId: uuid, userId: uuid };

const upsertPurge = statement({
  sql: `
    INSERT INTO purge (channel_id, user_id, since, below_seq)
    SELECT c.id, $userId, $since, c.seq + 1 FROM channel c WHERE c.id = $channelId
    ON CONFLICT (channel_id, user_id) DO UPDATE SET since = least(purge.since, excluded.since), below_seq = excluded.below_seq`,
  parameters: { ...key, since: timestamptz },
});

const selectStep = statement({
  sql: `
    WITH p AS (SELECT * FROM purge WHERE channel_id = $channelId AND user_id = $userId), examined AS MATERIALIZED (
      SELECT e.id, e.seq, e.sent_at, e.author_id = p.user_id AND e.kind = 'TEXT' AND e.deleted_at IS NULL
        AND e.sent_at >= p.since AS "isDue"
      FROM p CROSS JOIN LATERAL (
        SELECT * FROM entry e WHERE e.channel_id = p.channel_id AND e.seq < p.below_seq
        ORDER BY e.seq DESC LIMIT ${maxExamined}) e
    ), due AS (SELECT d.id, d.seq FROM examined d WHERE d."isDue" ORDER BY d.seq DESC LIMIT ${maxDeleted})
    SELECT array(SELECT d.id FROM due d ORDER BY d.seq DESC) AS ids,
      CASE WHEN (SELECT count(*) FROM due) = ${maxDeleted} THEN (SELECT min(d.seq) FROM due d)
        ELSE (SELECT min(x.seq) FROM examined x) END AS "lowestSeq",
      (SELECT count(*) FROM due) < ${maxDeleted} AND ((SELECT count(*) FROM examined) < ${maxExamined}
        OR (SELECT min(x.sent_at) FROM examined x) < p.since - interval '${clockSkewSeconds} seconds') AS "isLast"
    FROM p`,
  parameters: key,
  row: { ids: arrayOf(uuid), lowestSeq: nullable(int4), isLast: bool },
});

const updatePurge = statement({
  sql: 'UPDATE purge SET below_seq = $belowSeq WHERE channel_id = $channelId AND user_id = $userId',
  parameters: { ...key, belowSeq: int4 },
});

const deletePurge = statement({
  sql: 'DELETE FROM purge WHERE channel_id = $channelId AND user_id = $userId',
  parameters: key,
});
