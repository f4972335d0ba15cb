import type { ChannelEvent, EventOf } from '../events.ts';
import { blockBetween, blockInDirect } from '../infra/database/blocks.ts';
import type { Query } from '../infra/database/database.ts';
import { entryColumns } from '../infra/database/entries.ts';
import { channelFactFields, memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonOf, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { bool, nullable, uuid } from '../infra/database/types.ts';

const channel = columns(tables.channel, 'c', channelFactFields);
const member = columns(tables.member, 'm', memberFactFields);

/** Rows that the rules for an event need: the channel, the memberships of the actor and the subject, and the entry. */
const row = {
  channel: nullable(jsonOf(channel.row)),
  actor: nullable(jsonOf(member.row)),
  subject: nullable(jsonOf(member.row)),
  entry: nullable(jsonOf(entryColumns.row)),
  /** Whether one of the actor and the subject has blocked the other; where they are the same, of the members of a direct channel. */
  isBlocked: bool,
};

const selectContext = statement({
  sql: `
    SELECT
      (SELECT ${channel.object} FROM channel c WHERE c.id = $channelId) AS channel,
      (SELECT ${member.object} FROM member m WHERE m.channel_id = $channelId AND m.user_id = $actorId) AS actor,
      (SELECT ${member.object} FROM member m WHERE m.channel_id = $channelId AND m.user_id = $subjectId) AS subject,
      (SELECT to_jsonb(found) FROM (SELECT ${entryColumns.list} FROM entry e
        WHERE e.id = $messageId AND e.channel_id = $channelId) AS found) AS entry,
      CASE WHEN $actorId <> $subjectId THEN ${blockBetween('$actorId', '$subjectId')}
        ELSE EXISTS (SELECT FROM channel c WHERE c.id = $channelId AND c.kind = 'DIRECT')
          AND ${blockInDirect('$channelId', '$actorId')} END AS "isBlocked"`,
  parameters: { channelId: uuid, actorId: uuid, subjectId: uuid, messageId: nullable(uuid) },
  row,
});

/** Current rows that decide whether an event is applied; null where there is no such row. */
export interface EventContext extends Row<typeof row> {
  channel: (NonNullable<Row<typeof row>['channel']> & { isBlocked: boolean }) | null;
}

/** Reads the context of an event in one statement. */
export async function readEventContext(query: Query, event: ChannelEvent): Promise<EventContext> {
  const { channelId, actorId } = event;
  const subjectId = subjectOf(event);
  const [context] = await query(selectContext, { channelId, actorId, subjectId, messageId: messageOf(event) });
  if (context === undefined) throw new Error('A statement without FROM returned no row.');
  const { channel, isBlocked } = context;
  return { ...context, channel: channel && { ...channel, isBlocked } };
}

/** Returns the user whose membership the event changes, or the other user of a direct channel that is opened; else the actor. */
function subjectOf(event: ChannelEvent): string {
  switch (event.type) {
    case 'MemberJoined':
    case 'MemberInvited':
      return event.user.id;
    case 'MemberLeft':
      return event.userId;
    case 'ChannelOpened':
      return otherOfDirect(event) ?? event.actorId;
    default:
      return event.actorId;
  }
}

/** Returns the user that an actor opens a direct channel with; undefined for other channels. */
function otherOfDirect({ kind, members, actorId }: EventOf<'ChannelOpened'>): string | undefined {
  return kind === 'DIRECT' ? members.find(({ user }) => user.id !== actorId)?.user.id : undefined;
}

/** Returns the message that the event changes or replies to. */
function messageOf(event: ChannelEvent): string | null {
  if (event.type === 'MessageSent') return event.replyToId;
  return 'messageId' in event ? event.messageId : null;
}
