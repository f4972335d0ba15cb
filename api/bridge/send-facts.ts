import type { EventOf } from '../events.ts';
import { blockInDirect } from '../infra/database/blocks.ts';
import type { Query } from '../infra/database/database.ts';
import { channelFactFields, memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonOf, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, int4, json, nullable, uuid } from '../infra/database/types.ts';

const channel = columns(tables.channel, 'c', [...channelFactFields, 'slowModeSeconds']);
const member = columns(tables.member, 'm', [...memberFactFields, 'lastSentAt']);

const row = {
  channel: nullable(jsonOf(channel.row)),
  actor: nullable(jsonOf(member.row)),
  /** Whether one of the members of a direct channel has blocked the other. */
  isBlocked: bool,
  /** Whether the send replies to something that is no message of the channel. */
  isReplyWrong: bool,
  /** Seq of the message of the channel that the send replies to; null if there is none. */
  replyToSeq: nullable(int4),
  /** Whether one of its files is attached to another message. */
  isFileTaken: bool,
};

/** Facts that decide whether a send is applied. */
export type SendFacts = Row<typeof row>;

/** Reads the facts of sends in one statement, in the order of the sends. */
export function readSendFacts(query: Query, events: readonly EventOf<'MessageSent'>[]): Promise<SendFacts[]> {
  return query(selectSendFacts, {
    channelIds: events.map(({ channelId }) => channelId),
    authorIds: events.map(({ actorId }) => actorId),
    replyToIds: events.map(({ replyToId }) => replyToId),
    attachments: events.map((event) => JSON.stringify(event.attachments)),
  });
}

const selectSendFacts = statement({
  sql: `
    SELECT
      (SELECT ${channel.object} FROM channel c WHERE c.id = i.channel_id) AS channel,
      (SELECT ${member.object} FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.author_id) AS actor,
      EXISTS (SELECT FROM channel c WHERE c.id = i.channel_id AND c.kind = 'DIRECT')
        AND ${blockInDirect('i.channel_id', 'i.author_id')} AS "isBlocked",
      i.reply_to_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM entry r WHERE r.id = i.reply_to_id AND r.channel_id = i.channel_id AND r.kind = 'TEXT') AS "isReplyWrong",
      (SELECT r.seq FROM entry r WHERE r.id = i.reply_to_id AND r.channel_id = i.channel_id) AS "replyToSeq",
      EXISTS (SELECT FROM attachment a JOIN jsonb_array_elements(i.attachments) f ON a.id = (f ->> 'id')::uuid)
        AS "isFileTaken"
    FROM unnest($channelIds, $authorIds, $replyToIds, $attachments) WITH ORDINALITY
      AS i(channel_id, author_id, reply_to_id, attachments, n) ORDER BY i.n`,
  parameters: {
    channelIds: arrayOf(uuid),
    authorIds: arrayOf(uuid),
    replyToIds: arrayOf(nullable(uuid)),
    attachments: arrayOf(json<unknown>()),
  },
  row,
});
