import type { ChannelFacts, EntryFacts, MemberFacts } from '../domain/policies.ts';
import type { ChannelEvent } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type EntryRow, entryColumns } from '../infra/database/entries.ts';

/** The rows that the verdict on an event rests on, as they are when its turn comes. */
export interface EventContext {
  channel: (ChannelFacts & { id: string; seq: number }) | null;
  /** The membership of who does it. */
  actor: MemberFacts | null;
  /** The membership of whom it is done to. */
  subject: MemberFacts | null;
  entry: (EntryRow & EntryFacts) | null;
}

const statement = `
SELECT
  (SELECT jsonb_build_object('id', c.id, 'seq', c.seq, 'kind', c.kind, 'visibility', c.visibility, 'closedAt', c.closed_at)
    FROM channel c WHERE c.id = $1::uuid) AS channel,
  (SELECT jsonb_build_object('role', m.role, 'state', m.state, 'revision', m.revision)
    FROM member m WHERE m.channel_id = $1::uuid AND m.user_id = $2::uuid) AS actor,
  (SELECT jsonb_build_object('role', m.role, 'state', m.state, 'revision', m.revision)
    FROM member m WHERE m.channel_id = $1::uuid AND m.user_id = $3::uuid) AS subject,
  (SELECT to_jsonb(found) FROM (SELECT ${entryColumns} FROM entry e
    WHERE e.id = $4::uuid AND e.channel_id = $1::uuid) AS found) AS entry`;

/** Reads the scene of an event, in one statement. */
export async function readEventContext(query: Query, event: ChannelEvent): Promise<EventContext> {
  const [scene] = await query<EventContext>(statement, [
    event.channelId,
    event.actorId,
    subjectOf(event),
    messageOf(event),
  ]);
  if (scene === undefined) throw new Error('a statement without FROM answered no row');
  return scene;
}

function subjectOf(event: ChannelEvent): string {
  switch (event.type) {
    case 'MemberJoined':
      return event.user.id;
    case 'MemberLeft':
      return event.userId;
    default:
      return event.actorId;
  }
}

/** What it changes, or answers. */
function messageOf(event: ChannelEvent): string | null {
  if (event.type === 'MessageSent') return event.replyToId;
  return 'messageId' in event ? event.messageId : null;
}
