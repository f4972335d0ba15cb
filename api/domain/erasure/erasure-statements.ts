import { statement } from '../../infra/database/statement.ts';
import { columns } from '../../infra/database/table.ts';
import { tables } from '../../infra/database/tables.ts';
import { nullable, text, uuid } from '../../infra/database/types.ts';

const erasure = columns(tables.userErasure, 'x', ['step', 'cursor']);

/** Returns the progress of an erasure that is not complete. */
export const selectErasure = statement({
  sql: `SELECT ${erasure.list} FROM user_erasure x WHERE x.user_id = $userId AND x.completed_at IS NULL`,
  parameters: { userId: uuid },
  row: erasure.row,
});

/** Returns the next user by id whose erasure is not complete. */
export const selectUnfinished = statement({
  sql: `
    SELECT user_id AS "userId" FROM user_erasure WHERE completed_at IS NULL AND user_id > $after ORDER BY user_id LIMIT 1`,
  parameters: { after: uuid },
  row: { userId: uuid },
});

export const updateErasure = statement({
  sql: 'UPDATE user_erasure SET step = $step, cursor = $cursor WHERE user_id = $userId AND completed_at IS NULL',
  parameters: { userId: uuid, step: text, cursor: nullable(text) },
});

export const completeErasure = statement({
  sql: `
    UPDATE user_erasure SET step = NULL, cursor = NULL, completed_at = now()
    WHERE user_id = $userId AND completed_at IS NULL RETURNING user_id AS "userId"`,
  parameters: { userId: uuid },
  row: { userId: uuid },
});
