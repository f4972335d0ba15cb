import { statement } from './statement.ts';
import { timestamptz, uuid } from './types.ts';

/** Adds a user to the ledger of erased users. From then on a trigger keeps the user's profile empty. */
export const insertErasure = statement({
  sql: 'INSERT INTO user_erasure (user_id, erased_at) VALUES ($userId, $at) ON CONFLICT DO NOTHING',
  parameters: { userId: uuid, at: timestamptz },
});

/** Empties the profile of a user of the ledger. */
export const emptyProfile = statement({
  sql: `
    UPDATE users SET name = '', name_key = '', email = NULL, password_hash = NULL, avatar_id = NULL, is_moderator = false,
      last_seen_at = NULL
    WHERE id = $userId
      AND (name, email, password_hash, avatar_id, is_moderator, last_seen_at)
        IS DISTINCT FROM ('', NULL, NULL, NULL, false, NULL)`,
  parameters: { userId: uuid },
});

/** Returns a condition: a user was erased. The id is an SQL expression. */
export const isErased = (userId: string) => `EXISTS (SELECT FROM user_erasure x WHERE x.user_id = ${userId})`;
