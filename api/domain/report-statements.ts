import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { nullable, text, timestamptz, uuid } from '../infra/database/types.ts';
import { declarePages, timePage, timePageParameters } from './pages.ts';

const report = columns(tables.report, 'r');

/** Inserts a report and returns it, or the open one of the same reporter and subject; no row if the user is gone. */
export const insertReport = statement({
  sql: `
    INSERT INTO report AS r (id, reporter_id, user_id, channel_id, message_id, text, reason, created_at)
    SELECT $id, $reporterId, u.id, $channelId, $messageId, $text, $reason, $at FROM users u WHERE u.id = $userId
    ON CONFLICT (reporter_id, coalesce(message_id, user_id)) WHERE resolved_at IS NULL
      DO UPDATE SET reporter_id = excluded.reporter_id
    RETURNING ${report.list}`,
  parameters: {
    id: uuid,
    reporterId: uuid,
    userId: uuid,
    channelId: nullable(uuid),
    messageId: nullable(uuid),
    text: nullable(text),
    reason: text,
    at: timestamptz,
  },
  row: report.row,
});

const selectOpen = declareReports('r.resolved_at IS NULL');
const selectResolved = declareReports('r.resolved_at IS NOT NULL');

/** Returns the statement that reads a page of open or of resolved reports, oldest first. */
export const selectReports = (isOpen: boolean) => (isOpen ? selectOpen : selectResolved);

/** Resolves a report that is open; no row if it is not. */
export const updateResolved = statement({
  sql: `
    UPDATE report r SET resolved_at = $at, resolved_by_id = $moderatorId, action = $action, note = $note
    WHERE r.id = $id AND r.resolved_at IS NULL RETURNING ${report.list}`,
  parameters: { id: uuid, at: timestamptz, moderatorId: uuid, action: enums.reportAction, note: nullable(text) },
  row: report.row,
});

/** Opens a report again whose action failed, unless its reporter has reported the same again meanwhile. */
export const updateReopened = statement({
  sql: `
    UPDATE report r SET resolved_at = NULL, resolved_by_id = NULL, action = NULL, note = NULL
    WHERE r.id = $id AND r.resolved_by_id = $moderatorId AND NOT EXISTS (
      SELECT FROM report o WHERE o.reporter_id = r.reporter_id AND o.resolved_at IS NULL
        AND coalesce(o.message_id, o.user_id) = coalesce(r.message_id, r.user_id))`,
  parameters: { id: uuid, moderatorId: uuid },
});

function declareReports(condition: string) {
  return declarePages((backward) => {
    const page = timePage({ at: 'r.created_at', id: 'r.id', ascending: true }, backward);
    return statement({
      sql: `SELECT ${report.list} FROM report r WHERE ${condition} AND ${page.where} ${page.order}`,
      parameters: timePageParameters,
      row: report.row,
    });
  });
}
