import { userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { Logger } from '../logger.ts';

/**
 * Returns a function that tells the partners of users who came online or went offline that their match has changed. One
 * statement finds the partners, so that followers of matches need no look-up of their own. Never rejects.
 */
export function createMatchPresence(options: {
  database: Pick<Database, 'query'>;
  pubsub: Pick<PubSub, 'publish'>;
  logger: Logger;
}) {
  const { database, logger } = options;

  return async (userIds: readonly string[]): Promise<void> => {
    try {
      const partners = await database.query(selectOngoingPartners, { userIds });
      for (const { partnerId } of partners) await publishSignal(options, userTopic(partnerId), { type: 'match' });
    } catch (error) {
      logger.warn({ error }, 'partners of matches were not told of a changed presence');
    }
  };
}

const selectOngoingPartners = statement({
  sql: 'SELECT k.partner_id AS "partnerId" FROM match_claim k WHERE k.user_id = ANY($userIds) AND k.ended_at IS NULL',
  parameters: { userIds: arrayOf(uuid) },
  row: { partnerId: uuid },
});
