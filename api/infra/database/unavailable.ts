import { DatabaseUnavailableError } from './database.ts';

/** PostgreSQL's classes of errors that pass: connection, who one is, rollback, resources, operators, system. */
const passingClasses = new Set(['08', '28', '40', '53', '57', '58']);

/** Errors that pass though others of their class do not. None of them says anything about the values of a statement. */
const passingCodes = new Set([
  '25006', // read-only: a replica that is not the primary any more, or not yet
  '25P03', // idle in a transaction for too long
  '25P04', // in a transaction for too long
  '26000', // a prepared statement is gone: a pooler in between moved the connection
  '3D000', // no such database, schema, table or type, or no right to it: it is being restored
  '3F000',
  '42501',
  '42704',
  '42P01',
  '55P03', // a lock was not to be had in time
]);

/**
 * Throws what a caller of the port is to see of what a connection rejects with: `DatabaseUnavailableError` where the same work
 * may succeed later, or where PostgreSQL did not answer and the fault is not in how the connection was used; else the error
 * itself.
 */
export function translate(error: unknown): never {
  const isFault = error instanceof TypeError || error instanceof RangeError;
  const isLost = sqlState(error) === null && !isFault;
  throw isLost || isPassing(error) ? unavailable(error) : error;
}

/** The error of the port, with what PostgreSQL or the way to it said as its cause. */
function unavailable(cause: unknown): DatabaseUnavailableError {
  return cause instanceof DatabaseUnavailableError
    ? cause
    : new DatabaseUnavailableError('The database is not available now.', { cause });
}

/** PostgreSQL's code of an error (SQLSTATE), also through Prisma's driver; null where PostgreSQL did not answer. */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('severity' in error && 'code' in error) return String(error.code);
  const { cause } = error;
  return typeof cause === 'object' && cause && 'originalCode' in cause ? String(cause.originalCode) : null;
}

function isPassing(error: unknown): boolean {
  const code = sqlState(error);
  if (code === null) return error instanceof DatabaseUnavailableError;
  return passingClasses.has(code.slice(0, 2)) || passingCodes.has(code) || isStalePlan(error);
}

/** A statement that was prepared before a migration changed its columns. */
function isStalePlan(error: unknown): boolean {
  return error instanceof Error && 'routine' in error && error.routine === 'RevalidateCachedQuery';
}
