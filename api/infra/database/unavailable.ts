import { DatabaseUnavailableError, isDataError, StatementRefusedError, sqlState } from './database.ts';

/** PostgreSQL's classes of temporary errors: connection, authentication, rollback, resources, operator intervention, system. */
const temporaryClasses = new Set(['08', '28', '40', '53', '57', '58']);

/** Temporary errors whose class holds others too. */
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
 * Translates an error of a connection and throws it. Only the values of a statement, and wrong use of the connection, make it
 * fail for good: such an error is thrown as it is. Everything else is the server's: `StatementRefusedError` for an error of
 * PostgreSQL that is not known to be temporary, `DatabaseUnavailableError` for all others.
 */
export function translate(error: unknown): never {
  if (error instanceof DatabaseUnavailableError || isDataError(error)) throw error;
  const code = sqlState(error);
  const isFault = error instanceof TypeError || error instanceof RangeError;
  if (code === null && isFault) throw error;
  if (code === null || isTemporary(code, error)) throw unavailable(error);
  throw new StatementRefusedError(`PostgreSQL refused a statement (${code}): ${messageOf(error)}`, { cause: error });
}

/** Returns the error of the port, with the original error as its cause. */
function unavailable(cause: unknown): DatabaseUnavailableError {
  return new DatabaseUnavailableError('The database is not available now.', { cause });
}

function isTemporary(code: string, error: unknown): boolean {
  return temporaryClasses.has(code.slice(0, 2)) || temporaryCodes.has(code) || isStalePlan(error);
}

/** Returns whether a statement failed because it was prepared before a migration changed its columns. */
function isStalePlan(error: unknown): boolean {
  return error instanceof Error && 'routine' in error && error.routine === 'RevalidateCachedQuery';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
