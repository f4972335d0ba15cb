import type { ReadableStart } from '../domain/policies.ts';
import type { EventOf, Logged, MemberRole, UserFacts } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { bool, int4, int8, json, nullable, timestamptz, uuid } from '../infra/database/types.ts';
import { withKey } from '../text/comparison-key.ts';

/** Inserts users that do not exist: a database restored from a backup may lack some. */
export async function insertUsers(query: Query, users: readonly UserFacts[]): Promise<void> {
  const rows = users.map((user) => ({ ...user, ...withKey(user.name) }));
  await query(insertMissingUsers, { users: JSON.stringify(rows) });
}

/** A membership that begins. */
interface NewMember {
  userId: string;
  role: MemberRole;
  /** Seq of the entry of the joining; 0 without one. */
  joinedSeq: number;
  /** Beginning of the history that the member can read. */
  start: ReadableStart;
}

/** Inserts an active membership, or makes an ended one active. */
export async function activateMember(
  query: Query,
  { channelId, at, offset }: Logged,
  { userId, role, joinedSeq, start }: NewMember,
): Promise<void> {
  const readable = { readableFrom: start.seq, readablePosition: start.position };
  await query(upsertMember, { channelId, userId, role, at, joinedSeq, ...readable, offset: String(offset) });
}

/**
 * Inserts an invited membership, or makes an ended one invited. The seq at which an ended one began stays: entries that were seen
 * are not unread again.
 */
export async function inviteMember(
  query: Query,
  { channelId, at, actorId, offset }: Logged,
  userId: string,
): Promise<void> {
  await query(upsertInvited, { channelId, userId, at, invitedBy: actorId, offset: String(offset) });
}

/** Makes the invited or declined member of a direct channel an active one. */
export async function markAccepted(query: Query, { channelId, at, offset }: Logged, userId: string): Promise<void> {
  await query(updateAccepted, { channelId, userId, at, offset: String(offset) });
}

/** Notes that an invited member has declined. */
export async function markDeclined(query: Query, { channelId, offset }: Logged, userId: string): Promise<void> {
  await query(updateDeclined, { channelId, userId, offset: String(offset) });
}

/** Ends the membership of a user who left. */
export async function endMembership(
  query: Query,
  { channelId, userId, offset }: Logged & { userId: string },
): Promise<void> {
  await query(updateLeft, { channelId, userId, offset: String(offset) });
}

/**
 * Ends the membership of a user who is kicked or banned. The row of a banned user who was never a member has revision 0: the user is
 * told nothing.
 */
export async function removeMember(query: Query, event: Logged<EventOf<'MemberRemoved'>>): Promise<void> {
  const { channelId, userId, at, isBan, offset } = event;
  await query(upsertRemoved, { channelId, userId, at, isBan, offset: String(offset) });
}

/** Ends the ban of a user. */
export async function endBan(query: Query, { channelId, userId }: EventOf<'MemberUnbanned'>): Promise<void> {
  await query(updateUnbanned, { channelId, userId });
}

/** Sets the time until which a member may not write. */
export async function setMute(query: Query, event: Logged<EventOf<'MemberMuted'>>): Promise<void> {
  const { channelId, userId, until, offset } = event;
  await query(updateMuted, { channelId, userId, until, offset: String(offset) });
}

/** Sets the role of a member. */
export async function setRole(
  query: Query,
  { channelId, offset }: Logged,
  userId: string,
  role: MemberRole,
): Promise<void> {
  await query(updateRole, { channelId, userId, role, offset: String(offset) });
}

/**
 * Makes the next member the owner: the one with the highest role, then the longest membership.
 * @returns the id of the new owner; null when no member is left
 */
export async function promoteNextOwner(query: Query, { channelId, offset }: Logged): Promise<string | null> {
  const [promoted] = await query(updateNextOwner, { channelId, offset: String(offset) });
  return promoted?.userId ?? null;
}

/** Ends the match claims of both users when one leaves, and returns the ids of these users. */
export async function endMatchClaims(
  query: Query,
  event: Pick<EventOf<'MemberLeft'>, 'channelId' | 'at' | 'userId' | 'gone'>,
): Promise<string[]> {
  const rows = await query(updateEndedClaims, {
    channelId: event.channelId,
    at: event.at,
    leaverId: event.userId,
    leaverReason: event.gone ? 'EXPIRED' : 'LEFT',
    partnerReason: event.gone ? 'PARTNER_GONE' : 'PARTNER_LEFT',
  });
  return rows.map(({ userId }) => userId);
}

const insertMissingUsers = statement({
  sql: `
    INSERT INTO users (id, name, name_key, created_at)
    SELECT id, name, "nameKey", "createdAt"
    FROM jsonb_to_recordset($users) AS u(id uuid, name text, "nameKey" text, "createdAt" timestamptz)
    ON CONFLICT DO NOTHING`,
  parameters: { users: json<UserFacts[]>() },
});

const upsertMember = statement({
  sql: `
    INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq, readable_from, readable_position, log_offset)
    VALUES ($channelId, $userId, $role, 'ACTIVE', $at, $joinedSeq, $readableFrom, $readablePosition, $offset)
    ON CONFLICT (channel_id, user_id) DO UPDATE SET role = excluded.role, state = 'ACTIVE',
      joined_at = excluded.joined_at, joined_seq = excluded.joined_seq, revision = member.revision + 1,
      readable_from = excluded.readable_from, readable_position = excluded.readable_position,
      invited_by = CASE WHEN member.state IN ('INVITED', 'DECLINED') THEN member.invited_by END,
      log_offset = excluded.log_offset`,
  parameters: {
    channelId: uuid,
    userId: uuid,
    role: enums.memberRole,
    at: timestamptz,
    joinedSeq: int4,
    readableFrom: int4,
    readablePosition: int4,
    offset: int8,
  },
});

const upsertInvited = statement({
  sql: `
    INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq, invited_by, log_offset)
    VALUES ($channelId, $userId, 'MEMBER', 'INVITED', $at, 0, $invitedBy, $offset)
    ON CONFLICT (channel_id, user_id) DO UPDATE SET state = 'INVITED', joined_at = excluded.joined_at,
      invited_by = excluded.invited_by, revision = member.revision + 1, log_offset = excluded.log_offset`,
  parameters: { channelId: uuid, userId: uuid, at: timestamptz, invitedBy: uuid, offset: int8 },
});

const updateAccepted = statement({
  sql: `
    UPDATE member SET state = 'ACTIVE', joined_at = $at, revision = revision + 1, log_offset = $offset
    WHERE channel_id = $channelId AND user_id = $userId`,
  parameters: { channelId: uuid, userId: uuid, at: timestamptz, offset: int8 },
});

const updateDeclined = statement({
  sql: `
    UPDATE member SET state = 'DECLINED', revision = revision + 1, log_offset = $offset
    WHERE channel_id = $channelId AND user_id = $userId`,
  parameters: { channelId: uuid, userId: uuid, offset: int8 },
});

const updateLeft = statement({
  sql: `
    UPDATE member SET state = 'LEFT', role = 'MEMBER', revision = revision + 1, log_offset = $offset
    WHERE channel_id = $channelId AND user_id = $userId`,
  parameters: { channelId: uuid, userId: uuid, offset: int8 },
});

const upsertRemoved = statement({
  sql: `
    INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq, revision, banned_at, log_offset)
    SELECT $channelId, $userId, 'MEMBER', 'REMOVED', $at, 0, 0, $at, $offset WHERE $isBan OR EXISTS (
      SELECT FROM member m WHERE m.channel_id = $channelId AND m.user_id = $userId)
    ON CONFLICT (channel_id, user_id) DO UPDATE SET role = 'MEMBER', state = 'REMOVED', revision = CASE WHEN member.revision = 0 THEN 0 ELSE member.revision + 1 END,
      banned_at = CASE WHEN $isBan THEN $at ELSE member.banned_at END, log_offset = excluded.log_offset`,
  parameters: { channelId: uuid, userId: uuid, at: timestamptz, isBan: bool, offset: int8 },
});

const updateUnbanned = statement({
  sql: 'UPDATE member SET banned_at = NULL WHERE channel_id = $channelId AND user_id = $userId',
  parameters: { channelId: uuid, userId: uuid },
});

const updateMuted = statement({
  sql: `
    UPDATE member SET muted_until = $until, revision = revision + 1, log_offset = $offset
    WHERE channel_id = $channelId AND user_id = $userId`,
  parameters: { channelId: uuid, userId: uuid, until: nullable(timestamptz), offset: int8 },
});

/** Notes the offset of a change between MEMBER, the role that hides entries of this membership, and another role. */
const noteReadable = (role: string) => `readable_offset = CASE
  WHEN readable_from > 0 AND (role = 'MEMBER') <> (${role} = 'MEMBER') THEN $offset ELSE readable_offset END`;

const updateRole = statement({
  sql: `
    UPDATE member SET role = $role, ${noteReadable('$role')}, revision = revision + 1, log_offset = $offset
    WHERE channel_id = $channelId AND user_id = $userId`,
  parameters: { channelId: uuid, userId: uuid, role: enums.memberRole, offset: int8 },
});

const memberUser = columns(tables.member, 'member', ['userId']);

const updateNextOwner = statement({
  sql: `
    UPDATE member SET role = 'OWNER', ${noteReadable("'OWNER'")}, revision = revision + 1, log_offset = $offset
    WHERE channel_id = $channelId AND user_id = (
      SELECT user_id FROM member WHERE channel_id = $channelId AND state = 'ACTIVE'
      ORDER BY role, joined_at, user_id LIMIT 1)
    RETURNING ${memberUser.list}`,
  parameters: { channelId: uuid, offset: int8 },
  row: memberUser.row,
});

const claimUser = columns(tables.matchClaim, 'match_claim', ['userId']);

const updateEndedClaims = statement({
  sql: `
    UPDATE match_claim SET ended_at = $at,
      end_reason = CASE WHEN user_id = $leaverId THEN $leaverReason ELSE $partnerReason END
    WHERE channel_id = $channelId AND ended_at IS NULL RETURNING ${claimUser.list}`,
  parameters: {
    channelId: uuid,
    at: timestamptz,
    leaverId: uuid,
    leaverReason: enums.matchEndReason,
    partnerReason: enums.matchEndReason,
  },
  row: claimUser.row,
});
