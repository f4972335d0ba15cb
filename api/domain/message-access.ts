import { batched } from '../batched.ts';
import type { Rejection } from '../events.ts';
import { blockInDirect } from '../infra/database/blocks.ts';
import type { Database } from '../infra/database/database.ts';
import { channelFactFields, memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { optionalRow } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, uuid } from '../infra/database/types.ts';
import { type Access, throwRefusal } from './access.ts';
import type { EntryFacts } from './channel-facts.ts';
import { type EntryChange, messageNotFound } from './policies.ts';

/** Rule for something that a user does with a message. */
type MessageRule = (change: EntryChange) => Rejection | null;

/** A message with which a user may do something. */
export interface FoundMessage extends EntryFacts {
  channelId: string;
  /** Number of edits. */
  revision: number;
  hasText: boolean;
  hasData: boolean;
  hasFiles: boolean;
}

/**
 * Creates the checks that come before a user reacts to, pins or edits a message. Checks made at the same moment share one
 * statement, which leaves out the texts: they may be long.
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
     * Returns a message with which a user may do something. A message whose author the user has blocked is not there.
     * @throws the refusal of the rule as an error
     */
    async require(rule: MessageRule, messageId: string, userId: string): Promise<FoundMessage> {
      const found = await read([messageId, userId]);
      const entry = message.of(found);
      const known = channel.of(found);
      const actor = { channel: known && { ...known, isBlocked: found.isBlocked }, member: member.of(found), userId };
      const refusal = found.isAuthorBlocked ? messageNotFound : rule({ ...actor, entry, at: new Date() });
      await access.judge(entry?.channelId ?? null, async () => throwRefusal(refusal));
      if (entry === null) throw new Error('The rules allow nothing with a message that does not exist.');
      const { hasText, hasData, hasFiles } = found;
      return { ...entry, hasText, hasData, hasFiles };
    },
  };
}

export type MessageAccess = ReturnType<typeof createMessageAccess>;

const message = optionalRow(tables.entry, 'e', 'entry', [
  'channelId',
  'seq',
  'authorId',
  'kind',
  'deletedAt',
  'revision',
]);
const channel = optionalRow(tables.channel, 'c', 'channel', channelFactFields);
const member = optionalRow(tables.member, 'm', 'member', memberFactFields);

/** Reads a message for each pair of a message and a user, in the order of the pairs. */
const selectMessages = statement({
  sql: `
    SELECT ${message.list}, ${channel.list}, ${member.list}, coalesce(e.text <> '', false) AS "hasText",
      e.data IS NOT NULL AS "hasData", coalesce(e.attachments <> '[]', false) AS "hasFiles",
      EXISTS (SELECT FROM block b WHERE b.blocker_id = i.user_id AND b.blocked_id = e.author_id) AS "isAuthorBlocked",
      coalesce(c.kind = 'DIRECT', false) AND ${blockInDirect('e.channel_id', 'i.user_id')} AS "isBlocked"
    FROM unnest($messageIds, $userIds) WITH ORDINALITY AS i(message_id, user_id, n)
    LEFT JOIN entry e ON e.id = i.message_id
    LEFT JOIN channel c ON c.id = e.channel_id
    LEFT JOIN member m ON m.channel_id = e.channel_id AND m.user_id = i.user_id
    ORDER BY i.n`,
  parameters: { messageIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: {
    ...message.row,
    ...channel.row,
    ...member.row,
    hasText: bool,
    hasData: bool,
    hasFiles: bool,
    isAuthorBlocked: bool,
    isBlocked: bool,
  },
});
