import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { ignore } from '../../ignore.ts';
import type { Logger } from '../../logger.ts';
import { reasonOf, StartError, StartInterruptedError } from '../../start-errors.ts';
import { DatabaseUnavailableError, type SqlDatabase, StatementRefusedError, sqlState } from './database.ts';
import {
  type ConnectionOptions,
  connectionConfig,
  createPool,
  createPooledDatabase,
  migrateOver,
} from './postgres-pool.ts';
import { translate } from './unavailable.ts';

/** Options of PostgreSQL on a server. Times are in milliseconds. */
export interface PostgresOptions {
  /**
   * `postgresql://user:password@host:port/database`. `sslmode=verify-full` uses TLS and verifies the certificate;
   * `sslrootcert`, `sslcert` and `sslkey` name files. `sslmode=no-verify` uses TLS and accepts any certificate.
   */
  url: string;
  /** Maximum number of connections, shared by Prisma and statements. */
  pool: number;
  /** How long a statement may run before the server cancels it. Without a response its connection is closed two seconds later. */
  statementTimeoutMs: number;
  /** How long to wait for a new connection, or for a free one in the pool. Defaults to 5,000. */
  connectTimeoutMs?: number;
  /** How long a reader's statement waits for its turn. Defaults to `connectTimeoutMs`. */
  readWaitMs?: number;
  /** How long a transaction may be idle before the server ends it and releases its locks. Defaults to 10,000. */
  idleInTransactionMs?: number;
  /** How long to wait at the start for a server that cannot be reached. Defaults to 30,000. */
  startTimeoutMs?: number;
  /** Folder of migrations, all of which are applied when the factory resolves, by this process or another. */
  migrations: string;
  /** Interrupts the wait for a server at the start. */
  stopping?: AbortSignal;
  /** Says at the start that the server is waited for. */
  logger?: Logger;
}

/** A migration may rewrite a table, and may wait until another process has applied the same one. */
const migrationTimeoutMs = 600_000;
const retryMs = 250;
/** Share of the connections that readers may use: the others are left to sends, the log and matching. */
const readShare = 0.7;
/** Errors that no retry resolves: invalid credentials, unknown database, and a schema without permission. */
const refusals = /^(28...|3D000|42501)$/;

/**
 * Opens PostgreSQL on a server. While the server is down every call rejects with `DatabaseUnavailableError`, within the
 * timeouts of the options; connections recover by themselves.
 * @throws StartError when the server cannot be reached or refuses the connection
 * @throws MigrationChangedError when an applied migration has been changed; StartInterruptedError
 */
export async function createPostgresDatabase(options: PostgresOptions): Promise<SqlDatabase> {
  const {
    pool: size,
    startTimeoutMs = 30_000,
    connectTimeoutMs = 5_000,
    idleInTransactionMs = 10_000,
    readWaitMs = connectTimeoutMs,
  } = options;
  const connection = { ...options, connectTimeoutMs, idleInTransactionMs };
  await migrateWithRetries(connection, options, startTimeoutMs);
  const reads = { connections: Math.max(1, Math.floor(size * readShare)), maxWaitMs: readWaitMs };
  return createPooledDatabase(createPool({ ...connection, size }), reads);
}

async function migrateWithRetries(
  connection: ConnectionOptions,
  { migrations, stopping, logger }: PostgresOptions,
  startTimeoutMs: number,
): Promise<void> {
  const until = performance.now() + startTimeoutMs;
  for (let tries = 0; ; tries++) {
    if (stopping?.aborted) throw new StartInterruptedError();
    try {
      return await migrateOnOwnConnection(connection, migrations, stopping);
    } catch (error) {
      if (stopping?.aborted) throw new StartInterruptedError();
      if (!(error instanceof DatabaseUnavailableError) || error instanceof StatementRefusedError) throw error;
      if (performance.now() >= until || isRefused(error)) throw explain(error, connection);
      if (tries === 0)
        logger?.warn(
          { reason: reasonOf(error) },
          `PostgreSQL cannot be used yet; trying for ${startTimeoutMs / 1_000} s`,
        );
      await pause(retryMs, undefined, { signal: stopping }).catch(ignore);
    }
  }
}

/** Returns whether no retry can help: PostgreSQL refuses the credentials, the database or its schema. */
function isRefused({ cause }: DatabaseUnavailableError): boolean {
  return refusals.test(sqlState(cause) ?? '');
}

/** Applies missing migrations on a separate connection, with a longer timeout than statements have. */
async function migrateOnOwnConnection(
  options: ConnectionOptions,
  migrations: string,
  stopping: AbortSignal | undefined,
): Promise<void> {
  const client = new pg.Client(connectionConfig({ ...options, statementTimeoutMs: migrationTimeoutMs }));
  client.on('error', ignore);
  // Ends the wait for a server that does not respond; an open transaction is rolled back.
  const interrupt = () => client.connection.stream.destroy(new StartInterruptedError());
  stopping?.addEventListener('abort', interrupt, { once: true });
  try {
    await client.connect().catch(translate);
    await migrateOver(client, migrations);
  } finally {
    stopping?.removeEventListener('abort', interrupt);
    await client.end().catch(ignore);
  }
}

/** Returns an error that names the cause and the setting to check. It leaves the URL out, which contains a password. */
function explain({ cause }: DatabaseUnavailableError, { url }: ConnectionOptions): StartError {
  const { host, pathname } = new URL(url);
  return new StartError(
    `The database ${pathname.slice(1)} at ${host} cannot be used: ${reasonOf(cause)}. Check DATABASE_URL, and that PostgreSQL runs there.`,
    { cause },
  );
}
