import { batched } from '../batched.ts';
import type { Rejection } from '../events.ts';
import { blockInDirect } from '../infra/database/blocks.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, nullable, uuid } from '../infra/database/types.ts';
import { type Access, throwRefusal } from './access.ts';
import { accessList, accessRow } from './access-statements.ts';
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
      const { channelId, channel, member, isAuthorBlocked, isBlocked, ...entry } = await read([messageId, userId]);
      const change = {
        channel: channel && { ...channel, isBlocked },
        member,
        entry: channelId === null ? null : entry,
        userId,
        at: new Date(),
      };
      const refusal = isAuthorBlocked ? messageNotFound : rule(change);
      await access.judge(channelId, async () => throwRefusal(refusal));
      if (channelId === null) throw new Error('The rules allow nothing with a message that does not exist.');
      return { channelId, ...entry };
    },
  };
}

export type MessageAccess = ReturnType<typeof createMessageAccess>;

const entry = columns(tables.entry, 'w', ['seq', 'authorId', 'kind', 'deletedAt', 'revision']);

/** Reads a message for each pair of a message and a user, in the order of the pairs; all its columns are null where there is none. */
const selectMessages = statement({
  sql: `
    SELECT w.id AS "channelId", ${entry.list}, w.text <> '' AS "hasText", w.data IS NOT NULL AS "hasData",
      w.attachments <> '[]' AS "hasFiles", ${accessList('w.user_id')},
      EXISTS (SELECT FROM block b WHERE b.blocker_id = w.user_id AND b.blocked_id = w.author_id) AS "isAuthorBlocked",
      EXISTS (SELECT FROM channel c WHERE c.id = w.id AND c.kind = 'DIRECT'
        AND ${blockInDirect('c.id', 'w.user_id')}) AS "isBlocked"
    FROM (
      SELECT i.n, i.user_id, e.channel_id AS id, e.seq, e.author_id, e.kind, e.deleted_at, e.revision, e.text, e.data, e.attachments
      FROM unnest($messageIds, $userIds) WITH ORDINALITY AS i(message_id, user_id, n)
      LEFT JOIN entry e ON e.id = i.message_id) w
    ORDER BY w.n`,
  parameters: { messageIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: {
    channelId: nullable(uuid),
    ...entry.row,
    hasText: bool,
    hasData: bool,
    hasFiles: bool,
    ...accessRow,
    isAuthorBlocked: bool,
    isBlocked: bool,
  },
});
