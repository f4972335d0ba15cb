import { userTopic } from '../../events.ts';
import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { columns } from '../../infra/database/table.ts';
import { tables } from '../../infra/database/tables.ts';
import { int4 } from '../../infra/database/types.ts';
import type { PubSub } from '../../infra/pubsub/pubsub.ts';
import type { Logger } from '../../logger.ts';
import type { LogGuard } from '../log-guard.ts';
import type { Submit } from '../submit-event.ts';
import { endMatch } from './end-match.ts';
import { type CleanupJob, onceCaughtUp, portion, type StepResult } from './job.ts';

const intervalMs = 300_000;
/** Maximum number of channels that one step closes. */
const maxClosed = 100;

/**
 * Creates the job that ends matches which a restored database has only in part, since claims are not in the log: open
 * channels of matches without a claim are closed, and open claims of closed channels end. A claim without a channel is no
 * orphan: the next call of `match` opens it.
 */
export function createMatchRepair(options: {
  database: Database;
  pubsub: Pick<PubSub, 'publish'>;
  submit: Submit;
  guard: Pick<LogGuard, 'isCaughtUp'>;
  logger: Logger;
}): CleanupJob {
  const { database, pubsub, submit, guard, logger } = options;
  return onceCaughtUp(guard, { name: 'orphaned matches', intervalMs, step });

  async function step(): Promise<StepResult> {
    const claims = await database.query(endOrphanedClaims, {});
    for (const { userId } of claims) await pubsub.publish(userTopic(userId), { type: 'match' });
    const channels = await database.query(selectOrphanedChannels, { max: maxClosed });
    for (const channel of channels) await endMatch(submit, channel);
    if (claims.length + channels.length > 0)
      logger.warn({ claims: claims.length, channels: channels.length }, 'orphaned matches were closed');
    return { next: claims.length < portion && channels.length < maxClosed ? null : '', removed: {} };
  }
}

const claimUser = columns(tables.matchClaim, 'k', ['userId']);

const endOrphanedClaims = statement({
  sql: `
    UPDATE match_claim k SET ended_at = clock_timestamp(), end_reason = 'EXPIRED'
    WHERE k.ticket_id = ANY(ARRAY(
        SELECT o.ticket_id FROM match_claim o JOIN channel c ON c.id = o.channel_id
        WHERE o.ended_at IS NULL AND c.closed_at IS NOT NULL LIMIT ${portion}))
      AND k.ended_at IS NULL
    RETURNING ${claimUser.list}`,
  row: claimUser.row,
});

const member = columns(tables.member, 'm', ['channelId', 'userId', 'revision']);

const selectOrphanedChannels = statement({
  sql: `
    SELECT ${member.list} FROM channel c
    CROSS JOIN LATERAL (
      SELECT * FROM member m WHERE m.channel_id = c.id AND m.state = 'ACTIVE' ORDER BY m.user_id LIMIT 1) m
    WHERE c.kind = 'MATCH' AND c.closed_at IS NULL
      AND NOT EXISTS (SELECT FROM match_claim k WHERE k.channel_id = c.id AND k.ended_at IS NULL)
    LIMIT $max`,
  parameters: { max: int4 },
  row: member.row,
});
