import type { Logged } from '../events.ts';
import { type AuditedAct, auditRow, insertAct } from '../infra/database/audit.ts';
import type { Query } from '../infra/database/database.ts';

/**
 * Adds an act on another user in a room to the audit trail. It has the id of its event, so that an event that is applied again adds
 * nothing.
 */
export async function auditAct(
  query: Query,
  { eventId, at, actorId, channelId }: Logged,
  act: Pick<AuditedAct, 'act' | 'userId' | 'messageId' | 'until'>,
): Promise<void> {
  await query(insertAct, auditRow({ actorId, channelId, ...act }, { id: eventId, at }));
}
