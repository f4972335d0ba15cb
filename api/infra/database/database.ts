import type { PrismaClient } from '../../../prisma/generated/client.ts';

/** Runs one statement over one snapshot and returns its rows in order. Parameters are `$1`, `$2`, …; pass JSON as a string. */
export type Query = <Row>(sql: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** Thrown when the database is down or too slow, or preferred another transaction: the same work may succeed later. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
}

/** Thrown when another process uses data that only one process may use at a time. */
export class DataInUseError extends Error {
  override readonly name = 'DataInUseError';
}

/**
 * PostgreSQL, on a server or within this process. Use `prisma` for a user's own records; use `query` and `transaction`
 * for statements over sets of rows, which must be one snapshot or one round trip.
 *
 * Cast integers of eight bytes to text in SQL. Timestamps are returned as `Date`, JSON is returned parsed.
 */
export interface Database {
  prisma: PrismaClient;
  query: Query;
  /**
   * Runs `work` in one transaction (read committed). The transaction is committed when this resolves and has no effect
   * when it rejects, with one exception: if the connection is lost during the commit, either may be the case.
   */
  transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result>;
  /** Resolves when the database responds; rejects when it cannot be reached. */
  ready(): Promise<void>;
  /** Closes every connection, and PostgreSQL itself if it runs within this process. */
  stop(): Promise<void>;
}
