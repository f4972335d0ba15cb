import { deleteMentionsOf } from '../../infra/database/mentions.ts';
import { statement } from '../../infra/database/statement.ts';
import { columns } from '../../infra/database/table.ts';
import { tables } from '../../infra/database/tables.ts';
import { arrayOf, bool, int4, nullable, timestamptz, uuid } from '../../infra/database/types.ts';
import { portion } from './job.ts';

/** Number of matches that a step ends or removes; most have few entries. */
const matchesPerStep = 20;

const ids = { ids: arrayOf(uuid) };
const claim = columns(tables.matchClaim, 'k', ['ticketId', 'userId', 'channelId']);

/**
 * Selects the next open claims by user. `revision` is that of the user's membership if the match is abandoned: its channel is
 * open and had no entry since a time; null otherwise. `isOrphan`: it was made before that time and has no open channel, because
 * a crash came between the two or the database was restored.
 */
export const selectOpenClaims = statement({
  sql: `
    SELECT ${claim.list}, (
        SELECT m.revision FROM member m JOIN channel c ON c.id = m.channel_id
        WHERE m.channel_id = k.channel_id AND m.user_id = k.user_id AND m.state = 'ACTIVE'
          AND c.closed_at IS NULL AND c.last_activity_at < $before LIMIT 1) AS revision,
      k.claimed_at < $before AND (
        SELECT true FROM channel c WHERE c.id = k.channel_id AND c.closed_at IS NULL LIMIT 1) IS NULL AS "isOrphan"
    FROM (
      SELECT * FROM match_claim WHERE ended_at IS NULL AND user_id > $after ORDER BY user_id LIMIT ${matchesPerStep}) k
    ORDER BY k.user_id`,
  parameters: { after: uuid, before: timestamptz },
  row: { ...claim.row, revision: nullable(int4), isOrphan: bool },
});

/** Ends open claims. */
export const endClaims = statement({
  sql: `
    UPDATE match_claim SET ended_at = now(), end_reason = 'EXPIRED'
    WHERE ticket_id = ANY($ticketIds) AND ended_at IS NULL`,
  parameters: { ticketIds: arrayOf(uuid) },
});

/** Deletes claims that ended before a time, up to a portion. */
export const deleteEndedClaims = statement({
  sql: `
    DELETE FROM match_claim WHERE ticket_id = ANY(ARRAY(
      SELECT k.ticket_id FROM match_claim k WHERE k.ended_at < $before
      ORDER BY k.ended_at LIMIT ${portion} FOR UPDATE SKIP LOCKED)) RETURNING user_id AS "userId"`,
  parameters: { before: timestamptz },
  row: { userId: uuid },
});

/** Selects the matches that were closed before a time, those that were closed first, up to a few. */
export const selectClosedMatches = statement({
  sql: `
    SELECT c.id FROM channel c WHERE c.kind = 'MATCH' AND c.closed_at < $before
    ORDER BY c.closed_at LIMIT ${matchesPerStep}`,
  parameters: { before: timestamptz },
  row: { id: uuid },
});

/** Deletes entries of channels with their mentions, up to a portion. */
export const deleteEntriesOf = statement({
  sql: `
    WITH gone AS (
      DELETE FROM entry WHERE id = ANY(ARRAY(
        SELECT e.id FROM entry e WHERE e.channel_id = ANY($ids) LIMIT ${portion})) RETURNING *
    ), unmentioned AS (${deleteMentionsOf('gone')})
    SELECT id FROM gone`,
  parameters: ids,
  row: { id: uuid },
});

export const lockMembersOf = statement({
  sql: `
    SELECT m.user_id AS "userId" FROM member m WHERE m.channel_id = ANY($ids)
    ORDER BY m.channel_id, m.user_id FOR UPDATE`,
  parameters: ids,
  row: { userId: uuid },
});

/** Deletes channels with their members. */
export const deleteChannels = statement({
  sql: 'DELETE FROM channel WHERE id = ANY($ids) RETURNING id',
  parameters: ids,
  row: { id: uuid },
});
