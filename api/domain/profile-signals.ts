import { limitFunction } from 'p-limit';
import { channelTopic, userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int4, nullable, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { headColumns, toHead } from '../live/head-rows.ts';
import type { Logger } from '../logger.ts';

/** Number of channels that one statement reads, and whose signals are sent together. */
const defaultPortion = 500;
/** Number of users whose channels are told at the same time. */
const maxAtOnce = 2;

/**
 * Signals a changed profile to the user's own connections and to the channels of the user. A change need not wait for it: with
 * many channels it takes a while.
 * @param options.portion number of channels that are told at a time
 */
export function createProfileSignals(options: {
  database: Pick<Database, 'read'>;
  pubsub: Pick<PubSub, 'publish'>;
  portion?: number;
  logger: Logger;
}) {
  const { database, pubsub, portion = defaultPortion, logger } = options;
  const tellInTurn = limitFunction(tellChannels, { concurrency: maxAtOnce });
  /** Users whose channels have yet to be told. */
  const waiting = new Set<string>();

  return {
    /** Resolves once the user and all channels of the user are told. Never rejects. */
    async publish(userId: string): Promise<void> {
      try {
        await pubsub.publish(userTopic(userId), { type: 'profile' });
        if (waiting.has(userId)) return;
        waiting.add(userId);
        await tellInTurn(userId);
      } catch (error) {
        logger.warn({ error }, 'a changed profile was not told to all channels of its user');
      }
    },
  };

  async function tellChannels(userId: string): Promise<void> {
    // A change from now on is told once more.
    waiting.delete(userId);
    let after: string | null = null;
    do {
      const rows: HeadRow[] = await database.read(userId, selectHeadsOfUser, { userId, after, most: portion });
      for (const row of rows) {
        await pubsub.publish(channelTopic(row.id), { head: toHead(row), entries: [], profileOf: userId });
      }
      after = rows.length < portion ? null : (rows.at(-1)?.id ?? null);
    } while (after !== null);
  }
}

type HeadRow = Parameters<typeof toHead>[0];

const selectHeadsOfUser = statement({
  sql: `
    SELECT ${headColumns.list} FROM member m JOIN channel c ON c.id = m.channel_id
    WHERE m.user_id = $userId AND ($after::uuid IS NULL OR c.id > $after)
      AND (m.state = 'ACTIVE' OR (c.kind = 'DIRECT' AND m.state IN ('INVITED', 'DECLINED')))
    ORDER BY c.id LIMIT $most`,
  parameters: { userId: uuid, after: nullable(uuid), most: int4 },
  row: headColumns.row,
});
