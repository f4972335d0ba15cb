import type { PrismaClient } from '../../../prisma/generated/client.ts';
import type { Statement } from './statement.ts';

/** Runs a declared statement in one snapshot and returns its rows in order. */
export type Query = <Row, Parameters>(statement: Statement<Row, Parameters>, parameters: Parameters) => Promise<Row[]>;

/** Runs SQL text, which nothing checks: for migrations, upkeep and tests. Parameters are `$1`, `$2`, …. */
export type TextQuery = <Row>(text: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** The database was away, too slow, or gave way to another transaction: the same work may succeed later. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
}

/** Another process has the data that only one may have. */
export class DataInUseError extends Error {
  override readonly name = 'DataInUseError';
}

/**
 * PostgreSQL, wherever it runs. `prisma` is for a user's own records; `query` and `transaction` are for statements over
 * sets of rows, where one statement must be one snapshot or one round trip.
 *
 * Statements return integers of eight bytes as strings, timestamps as `Date` and JSON parsed.
 */
export interface Database {
  prisma: PrismaClient;
  query: Query;
  /**
   * Runs `work` in one transaction (read committed). It is committed when this resolves, and has no effect when it
   * rejects, but for a connection lost during the commit, which leaves open whether it took effect.
   */
  transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result>;
  /** Rejects when the database cannot be reached. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

/** A database as its adapter returns it: it also runs text. */
export interface SqlDatabase extends Database {
  query: Query & TextQuery;
  transaction<Result>(work: (query: Query & TextQuery) => Promise<Result>): Promise<Result>;
}
