import { mayClose, mayDelete, mayEdit, mayInvite, mayJoin, mayLeave, mayRead, mayUpdate } from '../domain/policies.ts';
import type { ChannelEvent, EventOf, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { toEntry } from '../infra/database/entries.ts';
import { addHead, type Changeset } from './changeset.ts';
import { type EventContext, readEventContext } from './event-context.ts';
import { activateMember, insertUsers, placeEntry, rewriteEntry, updateChannel } from './writes.ts';

/** Every event but a send. */
export type Change = Exclude<ChannelEvent, { type: 'MessageSent' }>;

/** What applying one event has at hand. */
interface Turn extends EventContext {
  query: Query;
  applied: Changeset;
}

/** Applies one event that is no send. */
export async function applyChange(query: Query, event: Change, applied: Changeset): Promise<void> {
  const turn = { ...(await readEventContext(query, event)), query, applied };
  applied.outcomes.push({ event, outcome: await change(event, turn) });
}

function change(event: Change, turn: Turn): Promise<Outcome> | Outcome {
  switch (event.type) {
    case 'ChannelOpened':
      return open(event, turn);
    case 'ChannelUpdated':
      return update(event, turn);
    case 'ChannelClosed':
      return close(event, turn);
    case 'MemberJoined':
      return join(event, turn);
    case 'MemberLeft':
      return leave(event, turn);
    case 'MessageEdited':
      return edit(event, turn);
    case 'MessageDeleted':
      return remove(event, turn);
    default:
      throw new Error(`unknown event ${JSON.stringify(event satisfies never)}`);
  }
}

async function open(event: EventOf<'ChannelOpened'>, { query, applied, channel }: Turn): Promise<Outcome> {
  if (channel) return done;
  const { channelId, kind, visibility, name, members, at } = event;
  await insertUsers(
    query,
    members.map(({ user }) => user),
  );
  await query(
    `INSERT INTO channel (id, kind, visibility, name, created_at, last_activity_at, member_count)
     VALUES ($1, $2::channel_kind, $3::visibility, $4, $5, $5, $6)`,
    [channelId, kind, visibility, name, at, members.length],
  );
  for (const { user, role } of members) {
    const joined = { kind: 'JOINED', userId: user.id, members: 0 } as const;
    const entry = kind === 'ROOM' ? await placeEntry(query, event, joined, applied) : null;
    await activateMember(query, event, { userId: user.id, role, joinedSeq: entry?.seq ?? 0 });
    if (kind === 'MATCH') applied.matchUserIds.add(user.id);
  }
  if (kind !== 'ROOM')
    addHead(
      applied,
      { id: channelId, position: 0, seq: 0, version: 0 },
      members.map(({ user }) => user.id),
    );
  return done;
}

async function update(event: EventOf<'ChannelUpdated'>, { query, applied, channel, actor }: Turn): Promise<Outcome> {
  const refusal = mayUpdate(channel, actor);
  if (refusal) return refused(refusal);
  const assignments = 'name = coalesce($2, name), visibility = coalesce($3::visibility, visibility)';
  await updateChannel(query, event.channelId, assignments, [event.name, event.visibility], applied);
  return done;
}

async function close(event: EventOf<'ChannelClosed'>, { query, applied, channel, actor }: Turn): Promise<Outcome> {
  const refusal = mayClose(channel, actor);
  if (refusal) return refused(refusal);
  await updateChannel(query, event.channelId, 'closed_at = coalesce(closed_at, $2)', [event.at], applied);
  return done;
}

async function join(
  event: EventOf<'MemberJoined'>,
  { query, applied, channel, actor, subject }: Turn,
): Promise<Outcome> {
  const isInvited = event.actorId !== event.user.id;
  const unknown = isInvited ? mayRead(channel, actor) : null;
  if (unknown) return refused(unknown);
  if (subject?.state === 'ACTIVE') return done;
  const refusal = isInvited ? mayInvite(channel, actor) : mayJoin(channel);
  if (refusal) return refused(refusal);
  if ((subject?.revision ?? 0) !== event.revision) return refused(stale);
  await insertUsers(query, [event.user]);
  const entry = await placeEntry(query, event, { kind: 'JOINED', userId: event.user.id, members: 1 }, applied);
  await activateMember(query, event, { userId: event.user.id, role: 'MEMBER', joinedSeq: entry.seq });
  return { applied: true, entry };
}

async function leave(event: EventOf<'MemberLeft'>, { query, applied, channel, subject }: Turn): Promise<Outcome> {
  const refusal = mayLeave(channel);
  if (refusal) return refused(refusal);
  if (subject?.state !== 'ACTIVE') return done;
  if (subject.revision !== event.revision) return refused(stale);
  await query(
    `UPDATE member SET state = 'LEFT', role = 'MEMBER', revision = revision + 1 WHERE channel_id = $1 AND user_id = $2`,
    [event.channelId, event.userId],
  );
  const entry = await placeEntry(query, event, { kind: 'LEFT', userId: event.userId, members: -1 }, applied);
  if (channel?.kind === 'MATCH') await endMatch(event, query, applied);
  else await settleRoom(event, query, applied, subject.role === 'OWNER');
  return { applied: true, entry };
}

async function edit(
  event: EventOf<'MessageEdited'>,
  { query, applied, channel, actor, entry }: Turn,
): Promise<Outcome> {
  const isRepeated = entry?.text === event.text && entry.deletedAt === null;
  const refusal = (isRepeated ? mayDelete : mayEdit)(channel, actor, entry, event.actorId);
  if (refusal) return refused(refusal);
  if (isRepeated) return { applied: true, entry: toEntry(entry) };
  if (entry?.revision !== event.revision) return refused(editedMeanwhile);
  return { applied: true, entry: await rewriteEntry(query, event, { text: event.text, mark: 'edited_at' }, applied) };
}

async function remove(
  event: EventOf<'MessageDeleted'>,
  { query, applied, channel, actor, entry }: Turn,
): Promise<Outcome> {
  const refusal = mayDelete(channel, actor, entry, event.actorId);
  if (refusal) return refused(refusal);
  if (entry?.deletedAt) return { applied: true, entry: toEntry(entry) };
  return { applied: true, entry: await rewriteEntry(query, event, { text: '', mark: 'deleted_at' }, applied) };
}

/** A match ends for both when one goes: nobody can write any more, and both may be matched again. */
async function endMatch(event: EventOf<'MemberLeft'>, query: Query, applied: Changeset): Promise<void> {
  await updateChannel(query, event.channelId, 'closed_at = coalesce(closed_at, $2)', [event.at], applied);
  const claims = await query<{ userId: string }>(
    `UPDATE match_claim SET ended_at = $2,
       end_reason = (CASE WHEN user_id = $3 THEN $4 ELSE $5 END)::match_end_reason
     WHERE channel_id = $1 AND ended_at IS NULL RETURNING user_id AS "userId"`,
    [
      event.channelId,
      event.at,
      event.userId,
      event.gone ? 'EXPIRED' : 'LEFT',
      event.gone ? 'PARTNER_GONE' : 'PARTNER_LEFT',
    ],
  );
  for (const { userId } of claims) applied.matchUserIds.add(userId);
}

/** After somebody left a room: an owner's place goes to the next in rank and standing; the last to leave closes it. */
async function settleRoom(event: ChannelEvent, query: Query, applied: Changeset, wasOwner: boolean): Promise<void> {
  const heirs = wasOwner
    ? await query<{ userId: string }>(
        `UPDATE member SET role = 'OWNER', revision = revision + 1
         WHERE channel_id = $1 AND user_id = (
           SELECT user_id FROM member WHERE channel_id = $1 AND state = 'ACTIVE' ORDER BY role, joined_at, user_id LIMIT 1)
         RETURNING user_id AS "userId"`,
        [event.channelId],
      )
    : [];
  const emptied = 'closed_at = CASE WHEN member_count = 0 THEN coalesce(closed_at, $2) ELSE closed_at END';
  await updateChannel(query, event.channelId, emptied, [event.at], applied);
  const head = applied.heads.get(event.channelId);
  if (head) head.userIds = [...head.userIds, ...heirs.map(({ userId }) => userId)];
}

const done: Outcome = { applied: true, entry: null };
const stale: Rejection = {
  code: 'CONFLICT',
  message: 'The membership changed meanwhile: look again, and repeat it if it is still wanted.',
};
const editedMeanwhile: Rejection = {
  code: 'CONFLICT',
  message: 'The message was edited meanwhile: read it again before you change it.',
};

function refused(rejection: Rejection): Outcome {
  return { applied: false, rejection };
}
