import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../../prisma/generated/client.ts';

import { ignore } from '../../ignore.ts';

import { DatabaseUnavailableError, type Query, type SqlDatabase, type TextQuery } from './database.ts';

import { migrate } from './migrate.ts';
import { translateErrors } from './prisma-driver.ts';
import type { Statement } from './statement.ts';
import { translate } from './unavailable.ts';

/** How PostgreSQL is reached. Times are in milliseconds. */
export interface ConnectionOptions {
  url: string;
  /** After which a connection that was not made, or not free, counts as not to be had. */
  connectTimeoutMs: number;
  /** After which the server gives a statement up. */
  statementTimeoutMs: number;
  /** After which the server ends a transaction in which nothing happens, and frees what it locked. */
  idleInTransactionMs: number;
}

/** What an answer may take beyond the server's own bound on a statement: the server itself does not answer then. */
const graceMs = 2_000;
/** When a connection that nobody uses is closed, and when one is first asked whether its other end is there. */
const idleMs = 60_000;
const keepAliveMs = 10_000;

/** Settings of one connection. What the URL says of the same goes first. */
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
 * At most `size` connections, opened when they are needed. One that is lost while nobody uses it is replaced when
 * somebody does.
 */
export function createPool({ size, ...options }: ConnectionOptions & { size: number }): pg.Pool {
  const pool = new pg.Pool({ ...connectionConfig(options), max: size, idleTimeoutMillis: idleMs, onConnect: prepare });
  pool.on('error', ignore);
  return pool;
}

/**
 * The port over connections, which Prisma shares.
 * @param stop closes what is beneath them
 */
export function createPooledDatabase(pool: pg.Pool, stop: () => Promise<void> = async () => {}): SqlDatabase {
  const prisma = new PrismaClient({ adapter: translateErrors(new PrismaPg(pool)) });
  const query = queryOf(pool);
  return {
    prisma,
    query,
    transaction: (work) => transact(pool, work),
    async ready() {
      await query('SELECT 1');
    },
    async stop() {
      await prisma.$disconnect();
      await pool.end();
      await stop();
    },
  };
}

/** Applies the migrations that the database lacks, in one transaction of this connection. */
export function migrateOver(client: pg.ClientBase, migrations: string): Promise<void> {
  return migrate(async (work) => {
    const query = queryOf(client);
    await query('BEGIN');
    await work({ execute: (script) => client.query(script).catch(translate), query });
    await query('COMMIT');
  }, migrations);
}

/** Runs statements and text, one round trip each. */
function queryOf(runner: Pick<pg.ClientBase | pg.Pool, 'query'>): Query & TextQuery {
  return async <Row, Parameters>(statement: Statement<Row, Parameters> | string, parameters?: Parameters) => {
    const config = typeof statement === 'string' ? toText(statement, parameters) : toPrepared(statement, parameters);
    const result = await runner.query<Row & pg.QueryResultRow>(config).catch(translate);
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
 * Runs work in one transaction of its own connection. A connection that an error left in doubt is not used again.
 * @throws DatabaseUnavailableError when the connection is lost, or not to be had
 */
async function transact<Result>(pool: pg.Pool, work: (query: Query & TextQuery) => Promise<Result>): Promise<Result> {
  const client = await pool.connect().catch(translate);
  // The server may end the connection at any time: that becomes an error of the statement that comes next.
  client.on('error', ignore);
  try {
    const result = await runTransaction(client, work);
    client.release();
    return result;
  } catch (error) {
    // The server undoes what it hears no more of; to ask it for that may take as long as what failed.
    client.release(error instanceof DatabaseUnavailableError || (await isStuck(client)));
    throw error;
  } finally {
    client.off('error', ignore);
  }
}

async function runTransaction<Result>(
  client: pg.ClientBase,
  work: (query: Query & TextQuery) => Promise<Result>,
): Promise<Result> {
  const query = queryOf(client);
  let isOpen = true;
  const queryWithin = ((...asked: Parameters<Query>) => {
    if (!isOpen) return Promise.reject(new Error('This transaction has ended: it runs no further query.'));
    return query(...asked);
  }) as Query & TextQuery;
  try {
    // Not awaited first: what the work begins with goes out behind it.
    const [, result] = await Promise.all([query('BEGIN ISOLATION LEVEL READ COMMITTED'), work(queryWithin)]);
    isOpen = false;
    await commit(client);
    return result;
  } finally {
    isOpen = false;
  }
}

/** PostgreSQL answers COMMIT without an error, and undoes everything, where a statement had failed. */
async function commit(client: pg.ClientBase): Promise<void> {
  const { command } = await client.query('COMMIT').catch(translate);
  if (command !== 'COMMIT') throw new Error('A statement of this transaction failed, so it was undone.');
}

/** Undoes the transaction; whether that failed. */
function isStuck(client: pg.ClientBase): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => false,
    () => true,
  );
}

/**
 * Every statement looks rows up by an index. A plan is kept, so one that is made while tables are small is to be right
 * for large ones. And Prisma's driver writes and reads times without their zone.
 */
const settings = `
SET TIME ZONE 'UTC';
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET jit = off`;

export async function prepare(client: pg.ClientBase): Promise<void> {
  await client.query(settings);
}
