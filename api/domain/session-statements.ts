import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { bool, bytea, int4, nullable, text, timestamptz, uuid } from '../infra/database/types.ts';
import { notSuspended } from './suspension-rules.ts';

const suspension = columns(tables.user, 'u', ['suspendedAt', 'suspendedUntil']);

/** Inserts a session, unless the user's password hash has changed or the user is suspended; the user's row stays locked against a change. */
export const insertSession = statement({
  sql: `
    INSERT INTO session (id, user_id, device, created_at, last_used_at, place)
    SELECT $id, u.id, $device, $at, $at, $place FROM users u
    WHERE u.id = $userId AND u.password_hash IS NOT DISTINCT FROM $passwordHash AND ${notSuspended}
    FOR SHARE RETURNING id`,
  parameters: {
    id: uuid,
    userId: uuid,
    device: text,
    at: timestamptz,
    passwordHash: nullable(text),
    place: nullable(bytea),
  },
  row: { id: uuid },
});

/** Ends sessions of a user: one, all except one, or all. */
export const updateRevoked = statement({
  sql: `
    UPDATE session SET revoked_at = $at WHERE user_id = $userId AND revoked_at IS NULL
      AND ($only IS NULL OR id = $only) AND ($except IS NULL OR id <> $except) RETURNING id`,
  parameters: { userId: uuid, only: nullable(uuid), except: nullable(uuid), at: timestamptz },
  row: { id: uuid },
});

/** Ends the sessions of a user above a number, those first that were not used for the longest time; one session stays. */
export const updateSurplusRevoked = statement({
  sql: `
    UPDATE session SET revoked_at = $at WHERE revoked_at IS NULL AND id IN (
      SELECT s.id FROM session s WHERE s.user_id = $userId AND s.revoked_at IS NULL AND s.id <> $kept
      ORDER BY s.last_used_at DESC, s.id OFFSET $others) RETURNING id`,
  parameters: { userId: uuid, kept: uuid, others: int4, at: timestamptz },
  row: { id: uuid },
});

/** Sets when a session was last used, and from which network unless that is null. */
export const updateLastUsed = statement({
  sql: 'UPDATE session SET last_used_at = $at, place = coalesce($place, place) WHERE id = $sessionId',
  parameters: { sessionId: uuid, at: timestamptz, place: nullable(bytea) },
});

/** Returns a row if a session of the user was last used from the network. */
export const selectFamiliar = statement({
  sql: 'SELECT FROM session WHERE user_id = $userId AND place = $place LIMIT 1',
  parameters: { userId: uuid, place: bytea },
});

/** Reads the suspension of a user. */
export const selectSuspension = statement({
  sql: `SELECT ${suspension.list} FROM users u WHERE u.id = $userId`,
  parameters: { userId: uuid },
  row: suspension.row,
});

/** Returns the session of a refresh token, also if it has ended, and the suspension of its user. */
export const selectSessionOfToken = statement({
  sql: `
    SELECT s.id AS "sessionId", s.user_id AS "userId", ${suspension.list}
    FROM refresh_token t JOIN session s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
    WHERE t.hash = $hash`,
  parameters: { hash: bytea },
  row: { sessionId: uuid, userId: uuid, ...suspension.row },
});

const session = columns(tables.session, 's', ['userId']);

/** Locks the session of a refresh token, unless it has ended or was not used since a time. */
export const lockSession = statement({
  sql: `
    SELECT s.id AS "sessionId", ${session.list} FROM session s
    WHERE s.id = (SELECT session_id FROM refresh_token WHERE hash = $hash) AND s.revoked_at IS NULL
      AND s.last_used_at >= $since FOR UPDATE`,
  parameters: { hash: bytea, since: timestamptz },
  row: { sessionId: uuid, ...session.row },
});

/** Inserts a refresh token. */
export const insertToken = statement({
  sql: `
    INSERT INTO refresh_token (hash, session_id, parent, place, created_at) VALUES ($hash, $sessionId, $parent, $place, $at)`,
  parameters: { hash: bytea, sessionId: uuid, parent: nullable(bytea), place: nullable(bytea), at: timestamptz },
});

const token = columns(tables.refreshToken, 't', ['usedAt']);

/**
 * Reads when a refresh token was used, and whether another token replaces it: a successor that was used, or a sibling that was used
 * and went to another network.
 */
export const selectToken = statement({
  sql: `
    SELECT ${token.list}, EXISTS (
      SELECT FROM refresh_token o WHERE o.used_at IS NOT NULL AND (o.parent = t.hash
        OR (o.parent = t.parent AND o.hash <> t.hash AND (o.place = t.place) IS NOT TRUE))) AS superseded
    FROM refresh_token t WHERE t.hash = $hash`,
  parameters: { hash: bytea },
  row: { ...token.row, superseded: bool },
});

/** Marks a refresh token as used; one that was used keeps its time. */
export const updateUsed = statement({
  sql: 'UPDATE refresh_token SET used_at = coalesce(used_at, $at) WHERE hash = $hash',
  parameters: { hash: bytea, at: timestamptz },
});

/** Marks the newest unused refresh token of a session as used. */
export const updateNewestUsed = statement({
  sql: `
    UPDATE refresh_token SET used_at = $at WHERE hash = (
      SELECT hash FROM refresh_token WHERE session_id = $sessionId AND used_at IS NULL
      ORDER BY created_at DESC LIMIT 1) RETURNING hash`,
  parameters: { sessionId: uuid, at: timestamptz },
  row: { hash: tables.refreshToken.columns.hash },
});

/** Deletes all refresh tokens of a session but one that are unused, or were used after a time. */
export const deleteExchangeable = statement({
  sql: `
    DELETE FROM refresh_token
    WHERE session_id = $sessionId AND hash IS DISTINCT FROM $kept AND (used_at IS NULL OR used_at > $since)`,
  parameters: { sessionId: uuid, kept: nullable(bytea), since: timestamptz },
});
