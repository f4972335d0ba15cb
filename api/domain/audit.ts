import { randomUUID } from 'node:crypto';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { int4, nullable, text, timestamptz, uuid } from '../infra/database/types.ts';

/** Acts of moderation. Those of a channel name it. */
const acts = [
  'MODERATOR_ADDED',
  'MODERATOR_REMOVED',
  'USER_SUSPENDED',
  'USER_REINSTATED',
  'REPORT_DISMISSED',
  'MESSAGE_DELETED',
] as const;

/** One act of moderation. */
interface AuditedAct {
  act: (typeof acts)[number];
  /** User who acts; null for an operator's command. */
  actorId: string | null;
  /** User whom the act concerns. */
  userId: string;
  channelId?: string | null;
  messageId?: string | null;
  /** End of the act's effect; null if it has none. */
  until?: Date | null;
  reason?: string | null;
}

/** The audit trail: a row for each act of moderation. */
export interface Audit {
  /**
   * Adds an act to the trail.
   * @param query of the transaction that the act belongs to; a statement of its own by default
   */
  write(act: AuditedAct, query?: Query): Promise<void>;
}

/** Creates the audit trail. `docs/operations.md` says how an operator reads it. */
export function createAudit(database: { query: Query }): Audit {
  return {
    async write(given, query = database.query) {
      const optional = { channelId: null, messageId: null, until: null, reason: null };
      await query(insertAct, { ...optional, ...given, id: randomUUID(), at: new Date() });
    },
  };
}

/** Reads the newest acts, newest first, with the names of users as they are now. */
export const selectNewestActs = statement({
  sql: `
    SELECT ${columns(tables.audit, 'a').list}, actor.name AS "actorName", subject.name AS "userName" FROM (
      SELECT * FROM audit ORDER BY at DESC, id DESC LIMIT $limit) a
    LEFT JOIN users actor ON actor.id = a.actor_id LEFT JOIN users subject ON subject.id = a.user_id
    ORDER BY a.at DESC, a.id DESC`,
  parameters: { limit: int4 },
  row: { ...tables.audit.columns, actorName: nullable(text), userName: nullable(text) },
});

const insertAct = statement({
  sql: `
    INSERT INTO audit (id, at, act, actor_id, user_id, channel_id, message_id, until, reason)
    VALUES ($id, $at, $act, $actorId, $userId, $channelId, $messageId, $until, $reason)`,
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
