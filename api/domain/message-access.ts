import { batched } from '../batched.ts';
import type { Rejection } from '../events.ts';
import { blockInDirect } from '../infra/database/blocks.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonOf } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, nullable, uuid } from '../infra/database/types.ts';
import { type Access, throwRefusal } from './access.ts';
import { accessList, accessRow } from './access-statements.ts';
import { type EntryChange, messageNotFound } from './policies.ts';

/** Rule for something that a user does with a message. */
type MessageRule = (change: EntryChange) => Rejection | null;

/**
 * Creates the checks that come before a user does something with a message of somebody else. Checks made at the same moment share
 * one statement.
 */
export function createMessageAccess(options: { database: Pick<Database, 'query'>; access: Pick<Access, 'judge'> }) {
  const { access } = options;
  const { query } = options.database;
  const read = batched(async (pairs: readonly (readonly [messageId: string, userId: string])[]) =>
    query(selectMessages, {
      messageIds: pairs.map(([messageId]) => messageId),
      userIds: pairs.map(([, userId]) => userId),
    }),
  );

  return {
    /**
     * Returns the channel of a message with which a user may do something. A message whose author the user has blocked is not there.
     * @throws the refusal of the rule as an error
     */
    async require(rule: MessageRule, messageId: string, userId: string): Promise<string> {
      const { channelId, member, entry, ...found } = await read([messageId, userId]);
      const channel = found.channel && { ...found.channel, isBlocked: found.isBlocked };
      const refusal = found.isAuthorBlocked
        ? messageNotFound
        : rule({ channel, member, entry, userId, at: new Date() });
      await access.judge(channelId, async () => throwRefusal(refusal));
      if (channelId === null) throw new Error('The rules allow nothing with a message that does not exist.');
      return channelId;
    },
  };
}

export type MessageAccess = ReturnType<typeof createMessageAccess>;

const entry = columns(tables.entry, 'w', ['seq', 'authorId', 'kind', 'deletedAt']);

/** Reads a message for each pair of a message and a user, in the order of the pairs. */
const selectMessages = statement({
  sql: `
    SELECT w.id AS "channelId", CASE WHEN w.id IS NOT NULL THEN ${entry.object} END AS entry, ${accessList('w.user_id')},
      EXISTS (SELECT FROM block b WHERE b.blocker_id = w.user_id AND b.blocked_id = w.author_id) AS "isAuthorBlocked",
      EXISTS (SELECT FROM channel c WHERE c.id = w.id AND c.kind = 'DIRECT'
        AND ${blockInDirect('c.id', 'w.user_id')}) AS "isBlocked"
    FROM (
      SELECT i.n, i.user_id, e.channel_id AS id, e.seq, e.author_id, e.kind, e.deleted_at
      FROM unnest($messageIds, $userIds) WITH ORDINALITY AS i(message_id, user_id, n)
      LEFT JOIN entry e ON e.id = i.message_id) w
    ORDER BY w.n`,
  parameters: { messageIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: {
    channelId: nullable(uuid),
    entry: nullable(jsonOf(entry.row)),
    ...accessRow,
    isAuthorBlocked: bool,
    isBlocked: bool,
  },
});
