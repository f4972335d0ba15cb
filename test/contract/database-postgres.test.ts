import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { NotReadyError } from '../../api/errors.ts';
import { DatabaseUnavailableError, type SqlDatabase, type TextQuery } from '../../api/infra/database/database.ts';
import { takeMigrationLock } from '../../api/infra/database/migration-lock.ts';
import type { PostgresOptions } from '../../api/infra/database/postgres.ts';
import { statement } from '../../api/infra/database/statement.ts';
import { StartError, StartInterruptedError } from '../../api/start-errors.ts';
import { gate, lock, move, position, withRow } from '../support/contested-row.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';
import { patienceMs } from '../support/patience.ts';
import { createPostgres } from '../support/postgres-database.ts';
import { createSharedDatabase } from '../support/services/shared.ts';
import { describeDatabase } from './database.ts';

const run = promisify(execFile);
const unavailable = expect.any(DatabaseUnavailableError);

const opening = createOpening();

async function open(options: Partial<PostgresOptions> = {}): Promise<SqlDatabase> {
  return opening(await createPostgres(await createSharedDatabase(), options));
}

/** Opens a database twice: for the test, and for an operator who inspects it. */
async function openWatched(options: Partial<PostgresOptions> = {}) {
  const url = await createSharedDatabase();
  return { database: opening(await createPostgres(url, options)), operator: opening(await createPostgres(url)) };
}

const others = `pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;

describeDatabase('over PostgreSQL', async () => createPostgres(await createSharedDatabase()));

describe('the connections to PostgreSQL', () => {
  test('never exceed the size of the pool, for Prisma and statements together', async () => {
    const { database, operator } = await openWatched({ pool: 2 });
    const [held, done] = [gate(), gate()];
    const holding = database.transaction(async (query) => {
      await query('SELECT 1');
      held.pass();
      await done.passed;
    });
    await held.passed;
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? database.query('SELECT 1') : database.prisma.user.findFirst())),
    );

    await expect.poll(() => count(operator)).toBe(2);
    done.pass();
    await holding;
  });

  test('make the next statement wait for a limited time if all are in use', async () => {
    const database = await open({ pool: 1, connectTimeoutMs: 1_000 });
    await database.transaction(async (query) => {
      await query('SELECT 1');
      await expect(database.query('SELECT 1')).rejects.toEqual(unavailable);
      await expect(database.prisma.user.findFirst()).rejects.toEqual(unavailable);
    });
    await database.ready();
  });

  test('are replaced when the server closes them', async () => {
    const { database, operator } = await openWatched({ pool: 2 });
    await database.prisma.user.findFirst();
    await operator.query(`SELECT pg_terminate_backend(pid) FROM ${others}`);

    await expect
      .poll(() =>
        database.ready().then(
          () => 'ready',
          () => 'unavailable',
        ),
      )
      .toBe('ready');
  });
});

describe('transactions over PostgreSQL', () => {
  test('of a suspended process lose their locks, and fail when the process resumes', async () => {
    const database = await withRow(await open());
    const [locked, moved] = [gate(), gate()];
    const zombie = database.transaction(async (query) => {
      await query(`SELECT set_config('idle_in_transaction_session_timeout', '3000', true)`);
      await lock(query);
      await move(query, 1);
      locked.pass();
      await moved.passed;
      await move(query, 10);
    });
    await locked.passed;

    await database.transaction(async (query) => {
      await lock(query);
      await move(query, 100);
    });
    moved.pass();

    await expect(zombie).rejects.toEqual(unavailable);
    expect(await position(database)).toBe('100');
  });

  test('are ended by the server after the idle time of the options', async () => {
    const { database, operator } = await openWatched({ idleInTransactionMs: 200 });
    const left = database.transaction(async (query) => {
      await query('SELECT 1');
      await expect.poll(() => count(operator, 'idle in transaction')).toBe(0);
      await query('SELECT 2');
    });

    await expect(left).rejects.toEqual(unavailable);
    await database.ready();
  });

  test('that deadlock: one continues, the other fails as unavailable and may be retried', async () => {
    const database = await withRow(await open());
    await database.query(`INSERT INTO log_position VALUES ('other', 0, 0)`);
    const locked = [gate(), gate()] as const;
    const take = (query: TextQuery, log: string) => query('SELECT FROM log_position WHERE log = $1 FOR UPDATE', [log]);
    const results = await Promise.allSettled([
      database.transaction(async (query) => {
        await take(query, 'log');
        locked[0].pass();
        await locked[1].passed;
        await take(query, 'other');
      }),
      database.transaction(async (query) => {
        await take(query, 'other');
        locked[1].pass();
        await locked[0].passed;
        await take(query, 'log');
      }),
    ]);

    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results).toContainEqual({ status: 'rejected', reason: unavailable });
  });

  test('give up waiting for a lock after the statement timeout, like any other statement', async () => {
    const database = await withRow(await open({ statementTimeoutMs: 2_000 }));
    await database.transaction(async (query) => {
      await lock(query);
      await expect(database.transaction(lock)).rejects.toEqual(unavailable);
    });
    await expect(database.query('SELECT pg_sleep(60)')).rejects.toEqual(unavailable);
    await database.ready();
  });

  test('can be retried after a migration changed the table of a prepared statement', async () => {
    const database = await open({ pool: 1 });
    await database.query('CREATE TABLE changing (id int)');
    const select = statement({ sql: 'SELECT * FROM changing' });
    await database.query(select, {});
    await database.query('ALTER TABLE changing ADD COLUMN name text');

    await expect(database.query(select, {})).rejects.toEqual(unavailable);
    expect(await database.query(select, {})).toEqual([]);
  });
});

describe('migrations over PostgreSQL', () => {
  test('are applied once when several processes start at the same time', async () => {
    const url = await createSharedDatabase();
    const script = `
      const { createPostgresDatabase } = await import('./api/infra/database/postgres.ts');
      const options = { url: process.argv[1], pool: 1, statementTimeoutMs: ${patienceMs}, migrations: './prisma/migrations' };
      await (await createPostgresDatabase(options)).stop();`;
    const start = () => run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, url]);

    await Promise.all([start(), start(), start()]);

    const database = opening(await createPostgres(url));
    const steps = await database.query<{ steps: number }>(
      'SELECT applied_steps_count AS steps FROM _prisma_migrations',
    );
    const migrations = (await readdir('prisma/migrations', { withFileTypes: true })).filter((one) => one.isDirectory());
    expect(steps).toEqual(migrations.map(() => ({ steps: 1 })));
  });
});

/** Counts the connections of others in any state or in a given one. */
async function count({ query }: SqlDatabase, state: string | null = null): Promise<number | undefined> {
  const counted = `SELECT count(*)::int AS n FROM ${others} AND ($1::text IS NULL OR state = $1)`;
  const [row] = await query<{ n: number }>(counted, [state]);
  return row?.n;
}

describe('a stop', () => {
  test('settles the statements that wait for a connection', async () => {
    const database = await createPostgres(await createSharedDatabase(), { pool: 1 });
    const waiting = Array.from({ length: 20 }, () => database.query('SELECT 1'));
    await database.stop();
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(waiting.map(() => 'fulfilled'));
    await expect(database.query('SELECT 1')).rejects.toEqual(unavailable);
  });

  test('ends the start of a process that waits for a server, or for a lock', async () => {
    const stopping = new AbortController();
    const away = createPostgres('postgresql://parley@127.0.0.1:9/parley', { stopping: stopping.signal });
    const { database, operator } = await openWatched();
    const [{ name = '' } = {}] = await operator.query<{ name: string }>('SELECT current_database() AS name');
    await operator.transaction(async (query) => {
      await query(takeMigrationLock);
      const url = new URL(await createSharedDatabase());
      url.pathname = name;
      const waiting = createPostgres(url.href, { stopping: stopping.signal });
      const locked = () => database.query(`SELECT 1 FROM ${others} AND wait_event_type = 'Lock'`);
      await vi.waitFor(async () => expect(await locked()).toHaveLength(1));
      stopping.abort();
      for (const start of [away, waiting]) await expect(start).rejects.toThrow(StartInterruptedError);
    });
  });
});

describe('a start', () => {
  test.each([
    ['an unknown database', { pathname: '/nowhere' }, 'database "nowhere" does not exist'],
    ['an unknown user', { username: 'nobody-knows' }, 'role "nobody-knows" does not exist'],
  ])('fails at once with %s, and names the setting to check', async (_, wrong, reason) => {
    const url = Object.assign(new URL(await createSharedDatabase()), wrong);
    const logger = createTestLogger();
    const started = createPostgres(url.href, { logger });
    await expect(started).rejects.toThrow(reason);
    await expect(started).rejects.toThrow(/Check DATABASE_URL/);
    await expect(started).rejects.toBeInstanceOf(StartError);
    expect(logger.lines).toEqual([]);
  });

  test('fails with the address if the server cannot be reached in time, and says before that it waits', async () => {
    const logger = createTestLogger();
    const url = 'postgresql://parley:secret@127.0.0.1:9/parley';
    const started = createPostgres(url, { logger, startTimeoutMs: 1_000 });
    await expect(started).rejects.toThrow(/parley at 127\.0\.0\.1:9 cannot be used: .*ECONNREFUSED/);
    expect(logger.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('trying for 1 s') }]);
    await expect(started).rejects.not.toThrow(/secret/);
  });
});

describe('the readiness', () => {
  test('fails while the database is read-only, as a provider makes it whose disk is full', async () => {
    const { database, operator } = await openWatched();
    await database.ready();
    const set = (value: string) =>
      operator.query(
        `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = ${value}', current_database()); END $$`,
      );
    await set('on');
    await operator.query(`SELECT pg_terminate_backend(pid) FROM ${others}`);
    await vi.waitFor(() => expect(database.ready()).rejects.toThrow('it is read-only'));
  });

  test.each([
    ['53100', 'its disk is full'],
    ['58030', 'its disk reports errors'],
  ])('fails after a write has failed with %s, until one succeeds', async (code, reason) => {
    const database = await open({ pool: 1 });
    const fail = database.query(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$`);
    await expect(fail).rejects.toEqual(unavailable);
    await expect(database.ready()).rejects.toThrow(reason);
    await expect(database.ready()).rejects.toBeInstanceOf(NotReadyError);
    await database.transaction((query) => query('SELECT 1'));
    await database.ready();
  });
});
