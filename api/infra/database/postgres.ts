import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { DatabaseUnavailableError, type SqlDatabase } from './database.ts';
import {
  type ConnectionOptions,
  connectionConfig,
  createPool,
  createPooledDatabase,
  migrateOver,
} from './postgres-pool.ts';
import { sqlState, translate } from './unavailable.ts';

/** Times are in milliseconds. */
export interface PostgresOptions {
  /**
   * `postgresql://user:password@host:port/database`. With `sslmode=verify-full` the connection is by TLS to a server whose
   * certificate is good; `sslrootcert`, `sslcert` and `sslkey` name files. `sslmode=no-verify` takes any certificate.
   */
  url: string;
  /** Connections at most, which Prisma and statements share. */
  pool: number;
  /** After which the server gives a statement up. Without an answer, its connection is given up two seconds later. */
  statementTimeoutMs: number;
  /** After which a connection that was not made, or not free, counts as not to be had: 5,000. */
  connectTimeoutMs?: number;
  /** After which the server ends a transaction in which nothing happens, and frees what it locked: 10,000. */
  idleInTransactionMs?: number;
  /** How long to wait for a server that is not there yet: 30,000. */
  startTimeoutMs?: number;
  /** The folder of migrations, all of which are applied when the factory resolves, by whichever process comes first. */
  migrations: string;
}

/** A migration may rewrite a table, and waits for that of another process. */
const migrationTimeoutMs = 600_000;
const retryMs = 250;
/** Classes of errors that waiting does not heal: who one is, and which database one means. */
const refusals = new Set(['28', '3D']);

/**
 * PostgreSQL on a server. While that is away everything rejects with `DatabaseUnavailableError`, within the bounds that
 * the options set; it recovers by itself.
 * @throws DatabaseUnavailableError when the server cannot be reached, or lets nobody in
 * @throws MigrationChangedError when a migration that was applied reads otherwise now
 */
export async function createPostgresDatabase(options: PostgresOptions): Promise<SqlDatabase> {
  const { pool: size, startTimeoutMs = 30_000, connectTimeoutMs = 5_000, idleInTransactionMs = 10_000 } = options;
  const connection = { ...options, connectTimeoutMs, idleInTransactionMs };
  await migrateWhenThere(connection, options.migrations, Date.now() + startTimeoutMs);
  return createPooledDatabase(createPool({ ...connection, size }));
}

async function migrateWhenThere(options: ConnectionOptions, migrations: string, until: number): Promise<void> {
  for (;;) {
    try {
      return await migrateApart(options, migrations);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError)) throw error;
      if (Date.now() >= until || refusals.has(sqlState(error.cause)?.slice(0, 2) ?? '')) throw explain(error, options);
      await pause(retryMs);
    }
  }
}

/** Over a connection of its own, without the bounds of statements. */
async function migrateApart(options: ConnectionOptions, migrations: string): Promise<void> {
  const client = new pg.Client(connectionConfig({ ...options, statementTimeoutMs: migrationTimeoutMs }));
  client.on('error', () => {});
  try {
    await client.connect().catch(translate);
    await migrateOver(client, migrations);
  } finally {
    await client.end();
  }
}

/** What to put right; the URL has a password in it. */
function explain({ cause }: DatabaseUnavailableError, { url }: ConnectionOptions): DatabaseUnavailableError {
  const { host, pathname } = new URL(url);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DatabaseUnavailableError(
    `The database ${pathname.slice(1)} at ${host} cannot be used: ${reason}. Check DATABASE_URL, and that PostgreSQL runs there.`,
    { cause },
  );
}
