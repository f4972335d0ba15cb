import { statement } from './statement.ts';
import { nullable, text, timestamptz, uuid } from './types.ts';

/** Acts of moderation: those of moderators of the service and of operators, and those of a room's owner and moderators. */
const acts = [
  'MODERATOR_ADDED',
  'MODERATOR_REMOVED',
  'USER_SUSPENDED',
  'USER_REINSTATED',
  'REPORT_DISMISSED',
  'MESSAGE_DELETED',
  'MEMBER_KICKED',
  'MEMBER_BANNED',
  'MEMBER_UNBANNED',
  'MEMBER_MUTED',
  'MEMBER_UNMUTED',
  'ROLE_OWNER',
  'ROLE_MODERATOR',
  'ROLE_MEMBER',
] as const;

/** One act of moderation. */
export interface AuditedAct {
  act: (typeof acts)[number];
  /** User who acts; null for an operator's command. */
  actorId: string | null;
  /** User whom the act concerns. */
  userId: string;
  /** Channel of the act, if it is one of a channel. */
  channelId?: string | null;
  messageId?: string | null;
  /** End of the act's effect; null if it has none. */
  until?: Date | string | null;
  reason?: string | null;
}

const optional = { channelId: null, messageId: null, until: null, reason: null };

/**
 * Returns the parameters of `insertAct`.
 * @param row.id a row with this id stays as it is
 */
export function auditRow(act: AuditedAct, row: { id: string; at: Date | string }) {
  return { ...optional, ...act, ...row };
}

/** Adds an act to the audit trail, once. */
export const insertAct = statement({
  sql: `
    INSERT INTO audit (id, at, act, actor_id, user_id, channel_id, message_id, until, reason)
    VALUES ($id, $at, $act, $actorId, $userId, $channelId, $messageId, $until, $reason) ON CONFLICT (id) DO NOTHING`,
  parameters: {
    id: uuid,
    at: timestamptz,
    act: text,
    actorId: nullable(uuid),
    userId: uuid,
    channelId: nullable(uuid),
    messageId: nullable(uuid),
    until: nullable(timestamptz),
    reason: nullable(text),
  },
});
