import { DatabaseUnavailableError } from './database.ts';

/** PostgreSQL's classes of temporary errors: connection, authentication, rollback, resources, operator intervention, system. */
const temporaryClasses = new Set(['08', '28', '40', '53', '57', '58']);

/** Temporary errors whose class holds permanent ones too. None of them depends on the values of a statement. */
const temporaryCodes = new Set([
  '25006', // read-only: a replica, or a server that is no longer or not yet the primary
  '25P03', // idle in a transaction for too long
  '25P04', // in a transaction for too long
  '26000', // prepared statement not found: a connection pooler moved the connection to another server process
  '3D000', // database, schema, table or type not found, or no permission: a restore is under way
  '3F000',
  '42501',
  '42704',
  '42P01',
  '55P03', // a lock was not free in time
]);

/**
 * Translates an error of a connection and throws it: `DatabaseUnavailableError` for a temporary error, and for one that does
 * not come from PostgreSQL or from wrong use of the connection; otherwise the error itself.
 */
export function translate(error: unknown): never {
  const isFault = error instanceof TypeError || error instanceof RangeError;
  const isLost = sqlState(error) === null && !isFault;
  throw isLost || isTemporary(error) ? unavailable(error) : error;
}

/** Returns the error of the port, with the original error as its cause. */
function unavailable(cause: unknown): DatabaseUnavailableError {
  return cause instanceof DatabaseUnavailableError
    ? cause
    : new DatabaseUnavailableError('The database is not available now.', { cause });
}

/** Returns PostgreSQL's code of an error (SQLSTATE), also through Prisma's driver; null for an error of another origin. */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('severity' in error && 'code' in error) return String(error.code);
  const { cause } = error;
  return typeof cause === 'object' && cause && 'originalCode' in cause ? String(cause.originalCode) : null;
}

function isTemporary(error: unknown): boolean {
  const code = sqlState(error);
  if (code === null) return error instanceof DatabaseUnavailableError;
  return temporaryClasses.has(code.slice(0, 2)) || temporaryCodes.has(code) || isStalePlan(error);
}

/** Returns whether a statement failed because it was prepared before a migration changed its columns. */
function isStalePlan(error: unknown): boolean {
  return error instanceof Error && 'routine' in error && error.routine === 'RevalidateCachedQuery';
}
