import { randomUUID } from 'node:crypto';
import { type AuditedAct, auditRow, insertAct } from '../infra/database/audit.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { int4, nullable, text } from '../infra/database/types.ts';

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
      await query(insertAct, auditRow(given, { id: randomUUID(), at: new Date() }));
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
