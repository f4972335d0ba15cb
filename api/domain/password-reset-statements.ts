import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { bytea, text, timestamptz, uuid } from '../infra/database/types.ts';

/** Maximum number of links of one user that work at the same time: another one replaces the oldest. */
const maxPerUser = 5;

/** Inserts the token of a link, by its hash, and deletes the oldest of too many. */
export const insertReset = statement({
  sql: `
    WITH removed AS (
      DELETE FROM password_reset WHERE hash IN (
        SELECT r.hash FROM password_reset r WHERE r.user_id = $userId
        ORDER BY r.expires_at DESC, r.hash OFFSET ${maxPerUser - 1})
    )
    INSERT INTO password_reset (hash, user_id, expires_at) VALUES ($hash, $userId, $expiresAt)`,
  parameters: { hash: bytea, userId: uuid, expiresAt: timestamptz },
});

const owner = columns(tables.user, 'u', ['name', 'email']);

/** Returns the user of a token that can still be used. */
export const selectReset = statement({
  sql: `
    SELECT ${owner.list} FROM password_reset r JOIN users u ON u.id = r.user_id
    WHERE r.hash = $hash AND r.expires_at > $at AND u.password_hash IS NOT NULL`,
  parameters: { hash: bytea, at: timestamptz },
  row: owner.row,
});

/** Uses a token up and sets the password of its user. Of several simultaneous uses, one returns the user. */
export const useReset = statement({
  sql: `
    WITH used AS (DELETE FROM password_reset WHERE hash = $hash AND expires_at > $at RETURNING user_id)
    UPDATE users u SET password_hash = $passwordHash FROM used
    WHERE u.id = used.user_id AND u.password_hash IS NOT NULL RETURNING u.id`,
  parameters: { hash: bytea, at: timestamptz, passwordHash: text },
  row: { id: uuid },
});

/** Deletes the tokens of a user. */
export const deleteResetsOf = statement({
  sql: 'DELETE FROM password_reset WHERE user_id = $userId',
  parameters: { userId: uuid },
});
