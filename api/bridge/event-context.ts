import type { ChannelEvent, EventOf } from '../events.ts';
import { blockBetween, blockInDirect } from '../infra/database/blocks.ts';
import type { Query } from '../infra/database/database.ts';
import { entryColumns } from '../infra/database/entries.ts';
import { isErased } from '../infra/database/erasures.ts';
import { channelFactFields, memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonOf, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, nullable, uuid } from '../infra/database/types.ts';

/** Columns of a channel `c` and of a member `m` that the rules need. */
const channel = columns(tables.channel, 'c', channelFactFields);
const member = columns(tables.member, 'm', memberFactFields);

/** Rows that the rules for an event need: the channel, the memberships of the actor and the subject, and the entry. */
const row = {
  channel: nullable(jsonOf(channel.row)),
  actor: nullable(jsonOf(member.row)),
  subject: nullable(jsonOf(member.row)),
  entry: nullable(jsonOf(entryColumns.row)),
  /** Position of the newest edit or of the deletion of the entry; null if there was none, or if it is not known. */
  revisedPosition: tables.entry.columns.revisedPosition,
  /** Whether one of the actor and the subject has blocked the other; where they are the same, of the members of a direct channel. */
  isBlocked: bool,
  /** Whether the actor or the subject was erased. */
  isErased: bool,
};

/** Every look-up is one of a row by its key, so that the plan fits tables of any size. */
const selectContexts = statement({
  sql: `
    SELECT
      (SELECT ${channel.object} FROM channel c WHERE c.id = i.channel_id) AS channel,
      (SELECT ${member.object} FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.actor_id) AS actor,
      (SELECT ${member.object} FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.subject_id) AS subject,
      (SELECT to_jsonb(found) FROM (SELECT ${entryColumns.list} FROM entry e
        WHERE e.id = i.message_id AND e.channel_id = i.channel_id) AS found) AS entry,
      (SELECT e.revised_position FROM entry e WHERE e.id = i.message_id) AS "revisedPosition",
      CASE WHEN i.actor_id <> i.subject_id THEN ${blockBetween('i.actor_id', 'i.subject_id')}
        ELSE EXISTS (SELECT FROM channel c WHERE c.id = i.channel_id AND c.kind = 'DIRECT')
          AND ${blockInDirect('i.channel_id', 'i.actor_id')} END AS "isBlocked",
      ${isErased('i.actor_id')} OR ${isErased('i.subject_id')} AS "isErased"
    FROM unnest($channelIds, $actorIds, $subjectIds, $messageIds) WITH ORDINALITY
      AS i(channel_id, actor_id, subject_id, message_id, n) ORDER BY i.n`,
  parameters: {
    channelIds: arrayOf(uuid),
    actorIds: arrayOf(uuid),
    subjectIds: arrayOf(uuid),
    messageIds: arrayOf(nullable(uuid)),
  },
  row,
});

/** Current rows that decide whether an event is applied; null where there is no such row. */
export interface EventContext extends Row<typeof row> {
  channel: (NonNullable<Row<typeof row>['channel']> & { isBlocked: boolean }) | null;
}

/** Reads the contexts of events in one statement, in the order of the events. */
export async function readEventContexts(query: Query, events: readonly ChannelEvent[]): Promise<EventContext[]> {
  const contexts = await query(selectContexts, {
    channelIds: events.map(({ channelId }) => channelId),
    actorIds: events.map(({ actorId }) => actorId),
    subjectIds: events.map(subjectOf),
    messageIds: events.map(messageOf),
  });
  return contexts.map((context) => {
    const { channel, isBlocked } = context;
    return { ...context, channel: channel && { ...channel, isBlocked } };
  });
}

/** Reads the context of an event. */
export async function readEventContext(query: Query, event: ChannelEvent): Promise<EventContext> {
  const [context] = await readEventContexts(query, [event]);
  if (context === undefined) throw new Error('A statement returned no row for its parameters.');
  return context;
}

/** Returns the user whose membership the event changes, or the other user of a direct channel that is opened; else the actor. */
function subjectOf(event: ChannelEvent): string {
  switch (event.type) {
    case 'MemberJoined':
    case 'MemberInvited':
      return event.user.id;
    case 'MemberLeft':
    case 'MemberRemoved':
    case 'MemberUnbanned':
    case 'MemberMuted':
    case 'MemberRoleSet':
    case 'UserErased':
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
