import { setTimeout as delay } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../../prisma/generated/client.ts';
import { createFairQueue } from '../../fair-queue.ts';
import { ignore } from '../../ignore.ts';
import {
  DatabaseUnavailableError,
  type Query,
  type SqlDatabase,
  StatementRefusedError,
  sqlState,
  type TextQuery,
} from './database.ts';
import { migrate } from './migrate.ts';
import { translateErrors } from './prisma-driver.ts';
import type { Statement } from './statement.ts';
import { translate } from './unavailable.ts';
import { createWriteFaults } from './write-faults.ts';

/** Address of PostgreSQL and timeouts of a connection, in milliseconds. */
export interface ConnectionOptions {
  url: string;
  /** How long to wait for a new connection, or for a free one in the pool. */
  connectTimeoutMs: number;
  /** How long a statement may run before the server cancels it. */
  statementTimeoutMs: number;
  /** How long a transaction may be idle before the server ends it and releases its locks. */
  idleInTransactionMs: number;
}

/** Added to the statement timeout of the server: a response that takes longer is not coming, and the connection is closed. */
const graceMs = 2_000;
/** How long an unused connection stays open, and how long until TCP sends the first keep-alive probe. */
const idleMs = 60_000;
const keepAliveMs = 10_000;

/** Returns the settings of one connection. Parameters in the URL override them. */
export function connectionConfig(options: ConnectionOptions): pg.ClientConfig {
  return {
    connectionString: options.url,
    fallback_application_name: 'parley',
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + graceMs,
    idle_in_transaction_session_timeout: options.idleInTransactionMs,
    pipeline: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
  };
}

/**
 * Creates a pool of at most `size` connections, opened on demand. A connection that is lost while idle is replaced at
 * the next use.
 */
export function createPool({ size, ...options }: ConnectionOptions & { size: number }): pg.Pool {
  const pool = new pg.Pool({ ...connectionConfig(options), max: size, idleTimeoutMillis: idleMs, onConnect: prepare });
  pool.on('error', ignore);
  return pool;
}

/** Milliseconds between two looks for statements that wait while the database stops. */
const drainCheckMs = 5;

/** Bounds of the statements of readers. */
export interface ReadBounds {
  /** Maximum number of connections that they use at once. */
  connections: number;
  /** Milliseconds that one waits for its turn. */
  maxWaitMs: number;
}

/** Maximum number of statements that wait, of all readers and of one. */
const maxWaiting = 10_000;
const maxWaitingOfReader = 1_000;

/**
 * Creates a database over a pool, which Prisma shares.
 * @param stop runs after the pool has closed, to stop PostgreSQL itself
 */
export function createPooledDatabase(
  pool: pg.Pool,
  reads: ReadBounds,
  stop: () => Promise<void> = async () => {},
): SqlDatabase {
  let failures = 0;
  const writes = createWriteFaults();
  const fail = (error: unknown): never => {
    writes.note(error);
    try {
      return translate(error);
    } catch (translated) {
      if (translated instanceof DatabaseUnavailableError) failures++;
      throw translated;
    }
  };
  const prisma = new PrismaClient({ adapter: translateErrors(new PrismaPg(pool), fail) });
  const query = queryOf(pool, fail);
  const readers = createFairQueue({
    concurrency: reads.connections,
    maxWaiting,
    maxWaitingOfKey: maxWaitingOfReader,
    maxWaitMs: reads.maxWaitMs,
    onFull: () => new DatabaseUnavailableError('Too many reads wait for the database.'),
  });
  return {
    prisma,
    query,
    read: (reader, statement, parameters) => readers.run(reader, () => query(statement, parameters)),
    async transaction(work) {
      const result = await transact(pool, work, fail);
      writes.succeeded();
      return result;
    },
    load: () => ({
      busy: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
      waitingReads: readers.size(),
      failures,
    }),
    async ready() {
      const [state] = await query<{ isReadOnly: boolean }>(isReadOnly);
      writes.check(state?.isReadOnly ?? false);
    },
    async stop() {
      // The pool would forget the statements that wait for a connection when it ends, and they would never settle.
      while (pool.waitingCount > 0) await delay(drainCheckMs);
      await prisma.$disconnect();
      await pool.end();
      await stop();
    },
  };
}

/** A replica, and a server whose operator or disk has made it read-only, run queries alone. */
const isReadOnly = `SELECT current_setting('transaction_read_only') = 'on' AS "isReadOnly"`;

/** Applies missing migrations in one transaction of this connection. */
export function migrateOver(client: pg.ClientBase, migrations: string): Promise<void> {
  return migrate(async (work) => {
    const query = queryOf(client);
    await query('BEGIN');
    await work({ execute: (script) => client.query(script).catch(translate), query });
    await query('COMMIT');
  }, migrations);
}

/** Runs statements and text, one round trip each. */
function queryOf(runner: Pick<pg.ClientBase | pg.Pool, 'query'>, fail = translate): Query & TextQuery {
  return async <Row, Parameters>(statement: Statement<Row, Parameters> | string, parameters?: Parameters) => {
    const config = typeof statement === 'string' ? toText(statement, parameters) : toPrepared(statement, parameters);
    const result = await runner.query<Row & pg.QueryResultRow>(config).catch(fail);
    return result.rows;
  };
}

function toText(text: string, parameters: unknown = []): pg.QueryConfig {
  return { text, values: [...(parameters as readonly unknown[])] };
}

/** Each connection prepares a statement once: planning takes longer than running most of them. */
function toPrepared<Parameters>(
  { name, text, values }: Statement<unknown, Parameters>,
  parameters: Parameters | undefined,
): pg.QueryConfig {
  return { name, text, values: values(parameters as Parameters) };
}

/**
 * Runs work in one transaction on its own connection. A connection in an unknown state after an error is closed.
 * @throws DatabaseUnavailableError when the connection is lost, or none is free in time
 */
async function transact<Result>(
  pool: pg.Pool,
  work: (query: Query & TextQuery) => Promise<Result>,
  fail: typeof translate,
): Promise<Result> {
  const client = await pool.connect().catch(fail);
  // If the server closes the connection, the next statement rejects.
  client.on('error', ignore);
  try {
    const result = await runTransaction(client, work, fail);
    client.release();
    return result;
  } catch (error) {
    client.release(isSilent(error) || (await isStuck(client)));
    throw error;
  } finally {
    client.off('error', ignore);
  }
}

async function runTransaction<Result>(
  client: pg.ClientBase,
  work: (query: Query & TextQuery) => Promise<Result>,
  fail: typeof translate,
): Promise<Result> {
  const query = queryOf(client, fail);
  let isOpen = true;
  /** Error of the statement that failed first: those that were sent with it fail because of it, and may be noticed before. */
  let first: unknown;
  const queryWithin = ((...asked: Parameters<Query>) => {
    if (!isOpen) return Promise.reject(new Error('This transaction has ended: it runs no further query.'));
    return query(...asked).catch((error: unknown) => {
      first ??= error;
      throw error;
    });
  }) as Query & TextQuery;
  try {
    // Not awaited first, so that the first statement of the work is sent together with BEGIN.
    const [, result] = await Promise.all([query('BEGIN ISOLATION LEVEL READ COMMITTED'), work(queryWithin)]);
    isOpen = false;
    await commit(client, fail);
    return result;
  } catch (error) {
    throw isAborted(error) ? first : error;
  } finally {
    isOpen = false;
  }
}

/** Returns whether a statement failed because another one of its transaction had failed before. */
function isAborted(error: unknown): boolean {
  return error instanceof StatementRefusedError && sqlState(error.cause) === '25P02';
}

/** Commits. After a failed statement PostgreSQL rolls back instead and reports no error, only another command. */
async function commit(client: pg.ClientBase, fail: typeof translate): Promise<void> {
  const { command } = await client.query('COMMIT').catch(fail);
  if (command !== 'COMMIT') throw new Error('A statement of this transaction failed, so it was rolled back.');
}

/**
 * Returns whether a statement failed without a response of the server. A ROLLBACK might time out as well, and the server rolls
 * back when the connection closes.
 */
function isSilent(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError && sqlState(error.cause) === null;
}

/** Rolls the transaction back; returns whether that failed. */
function isStuck(client: pg.ClientBase): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => false,
    () => true,
  );
}

/**
 * Every statement finds rows by an index. Plans are cached, so a plan that is made while tables are small must suit
 * large ones. The time zone is UTC because Prisma's driver writes and reads times without a zone.
 */
const settings = `
SET TIME ZONE 'UTC';
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET jit = off`;

/** Applies the settings that every connection needs. */
export async function prepare(client: pg.ClientBase): Promise<void> {
  await client.query(settings);
}
