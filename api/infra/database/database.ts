import type { PrismaClient } from '../../../prisma/generated/client.ts';
import { StartError } from '../../start-errors.ts';
import type { Statement } from './statement.ts';

/** Runs a declared statement in one snapshot and returns its rows in order. */
export type Query = <Row, Parameters>(statement: Statement<Row, Parameters>, parameters: Parameters) => Promise<Row[]>;

/** Runs a declared statement as `Query` does. @param reader key of the user that waits for it */
type Read = <Row, Parameters>(
  reader: string,
  statement: Statement<Row, Parameters>,
  parameters: Parameters,
) => Promise<Row[]>;

/** Runs SQL text, which nothing checks: for migrations, maintenance and tests. Parameters are `$1`, `$2`, …. */
export type TextQuery = <Row>(text: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** Thrown when the database is down or too slow, or preferred another transaction: the same work may succeed later. */
export class DatabaseUnavailableError extends Error {
  override readonly name: string = 'DatabaseUnavailableError';
}

/**
 * Thrown when PostgreSQL refuses a statement for a reason that is neither its data nor known to pass by itself: the schema or
 * the permissions are not those that this release expects, or the server is damaged. The same work may succeed once an
 * operator has repaired that, so it must not be given up.
 */
export class StatementRefusedError extends DatabaseUnavailableError {
  override readonly name = 'StatementRefusedError';
}

/** Thrown when another process uses data that only one process may use at a time. */
export class DataInUseError extends StartError {
  override readonly name = 'DataInUseError';
}

/** Work of a database at a moment, and its failures since it was opened. */
interface DatabaseLoad {
  /** Number of connections that run a statement or a transaction. */
  busy: number;
  /** Number of statements and transactions that wait for a connection. */
  waiting: number;
  /** Number of statements of readers that wait for their turn. */
  waitingReads: number;
  /** Number of statements that failed with `DatabaseUnavailableError`. */
  failures: number;
}

/**
 * PostgreSQL, on a server or within this process. Use `prisma` for a user's own records; use `query` and `transaction`
 * for statements over sets of rows, which must be one snapshot or one round trip.
 *
 * Statements return integers of eight bytes as strings, timestamps as `Date` and JSON parsed.
 */
export interface Database {
  prisma: PrismaClient;
  query: Query;
  /**
   * Runs a statement that one reader waits for and that may take long. Such statements leave connections free for all the
   * others, or take turns with them where there is one connection, and those of several readers take turns.
   * @throws DatabaseUnavailableError when too many of them wait, or this one for too long
   */
  read: Read;
  /**
   * Runs `work` in one transaction (read committed). The transaction is committed when this resolves and has no effect
   * when it rejects, with one exception: if the connection is lost during the commit, either may be the case.
   */
  transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result>;
  /** Returns the work and the failures of this process's connections, for metrics. */
  load(): DatabaseLoad;
  /** Resolves when the database responds; rejects when it cannot be reached. */
  ready(): Promise<void>;
  /** Closes every connection, and PostgreSQL itself if it runs within this process. */
  stop(): Promise<void>;
}

/** A database as its adapter returns it: it also runs text. */
export interface SqlDatabase extends Database {
  query: Query & TextQuery;
  transaction<Result>(work: (query: Query & TextQuery) => Promise<Result>): Promise<Result>;
}

/**
 * PostgreSQL's classes of errors that depend on the values of a statement: data exceptions, violated constraints, and values
 * above a limit of the server (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const dataClasses = new Set(['22', '23', '54']);

/**
 * Returns whether PostgreSQL refused the values of a statement: the same values will fail again, others may succeed. Errors of
 * all other kinds are `DatabaseUnavailableError`.
 */
export function isDataError(error: unknown): boolean {
  return dataClasses.has(sqlState(error)?.slice(0, 2) ?? '');
}

/** PostgreSQL's codes for a statement that waited for a lock, or ran, for longer than it may. */
const timeoutCodes = new Set(['55P03', '57014']);

/** Returns whether a statement was cancelled because of its lock timeout or its statement timeout. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError && timeoutCodes.has(sqlState(error.cause) ?? '');
}

/** Returns PostgreSQL's code of an error (SQLSTATE), also through Prisma's driver; null for an error of another origin. */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('severity' in error && 'code' in error) return String(error.code);
  const { cause } = error;
  return typeof cause === 'object' && cause && 'originalCode' in cause ? String(cause.originalCode) : null;
}
