import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { paths } from '../../api/config.ts';
import type { SqlDatabase, TextQuery } from '../../api/infra/database/database.ts';
import { MigrationChangedError, type MigrationSession, migrate } from '../../api/infra/database/migrate.ts';
import { createMemoryDatabase, createPgliteDatabase } from '../../api/infra/database/pglite.ts';
import { runMaintenance } from '../../api/infra/database/pglite-maintenance.ts';
import { createPgliteThread } from '../../api/infra/database/pglite-thread.ts';
import { describeDatabase } from './database.ts';

describeDatabase('in this process', () => createMemoryDatabase({ migrations: paths.migrations }));

describe('PostgreSQL in a thread', () => {
  let directory: string;
  let database: SqlDatabase;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'parley-thread-'));
    database = await createPgliteDatabase({ dataDir: directory, migrations: paths.migrations });
    return async () => {
      await database.stop();
      await rm(directory, { recursive: true });
    };
  });

  test('writes through to the disk on each commit', async () => {
    const settings = await database.query(
      `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') ORDER BY name`,
    );
    expect(settings).toEqual([
      { name: 'fsync', setting: 'on' },
      { name: 'synchronous_commit', setting: 'on' },
    ]);
  });

  test('keeps nothing of the responses that it has sent', async () => {
    const before = process.memoryUsage.rss();
    const rows = "SELECT repeat('x', 1000) AS text FROM generate_series(1, 1000)";
    for (let n = 0; n < 500; n++) await database.query(rows);
    expect(process.memoryUsage.rss() - before).toBeLessThan(300 * 2 ** 20);
  });

  test('starts again with all committed rows after it has crashed', async () => {
    const thread = createPgliteThread({ dataDir: join(directory, 'other') });
    const connect = async () => {
      const client = new pg.Client({ stream: thread.connect, user: 'postgres', database: 'postgres' });
      client.on('error', () => {});
      await client.connect();
      return client;
    };
    const first = await connect();
    await first.query('CREATE TABLE kept (id int)');
    await first.query('INSERT INTO kept VALUES (1)');

    // PostgreSQL panics without its log.
    const log = join(directory, 'other/pg_wal');
    await rename(log, `${log}-away`);
    await first.query('SELECT pg_switch_wal()');
    await expect(first.query('INSERT INTO kept VALUES (2)')).rejects.toThrow('The database thread ended.');
    await rename(`${log}-away`, log);

    const second = await connect();
    expect((await second.query('SELECT id FROM kept')).rows).toEqual([{ id: 1 }]);
    await second.end();
    await thread.stop();
  });

  test('is maintained: dead rows are removed and the log is truncated', async () => {
    await database.query('CREATE TABLE worn (id int PRIMARY KEY, text text)');
    await database.query(`INSERT INTO worn SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i`);
    await database.query('UPDATE worn SET text = text');
    await database.query('SELECT pg_stat_force_next_flush()');
    const redo = 'SELECT redo_lsn::text AS redo FROM pg_control_checkpoint()';
    const before = await database.query(redo);

    await runMaintenance(database.query);

    expect(
      await database.query(
        `SELECT n_dead_tup::int AS dead, last_vacuum IS NOT NULL AS vacuumed, last_analyze IS NOT NULL AS analyzed
         FROM pg_stat_user_tables WHERE relname = 'worn'`,
      ),
    ).toEqual([{ dead: 0, vacuumed: true, analyzed: true }]);
    expect(await database.query(redo)).not.toEqual(before);
  });

  test('does no maintenance if none is needed', async () => {
    await runMaintenance(database.query);
    const state = () =>
      database.query(
        `SELECT (SELECT redo_lsn::text FROM pg_control_checkpoint()) AS redo, max(last_vacuum) AS vacuumed
         FROM pg_stat_user_tables`,
      );
    const before = await state();
    await runMaintenance(database.query);
    expect(await state()).toEqual(before);
  });
});

describe('migrations', () => {
  let client: PGlite;
  let directory: string;
  const transaction = (work: (session: MigrationSession) => Promise<void>) =>
    client.transaction((tx) => {
      const query = (async (sql, parameters = []) => (await tx.query(sql, [...parameters])).rows) as TextQuery;
      return work({ execute: (script) => tx.exec(script), query });
    });

  beforeAll(async () => {
    client = await PGlite.create();
    directory = await mkdtemp(join(tmpdir(), 'parley-migrations-'));
    await cp(paths.migrations, directory, { recursive: true });
  });
  afterAll(async () => {
    await client.close();
    await rm(directory, { recursive: true });
  });

  test('count the files and the replies of a database that has some when their numbers are introduced', async () => {
    const channelId = randomUUID();
    const later = (await readdir(directory)).filter((name) => name >= '0011');
    const aside = await mkdtemp(join(tmpdir(), 'parley-later-'));
    for (const name of later) await rename(join(directory, name), join(aside, name));
    await migrate(transaction, directory);
    await client.exec(`
      INSERT INTO users (id, name, created_at) VALUES (gen_random_uuid(), 'Ada', now());
      INSERT INTO upload (id, user_id, filename, mimetype, byte_size, created_at)
        SELECT gen_random_uuid(), id, 'a', 'text/plain', 20, now() FROM users;
      INSERT INTO upload_ticket (id, user_id, filename, byte_size, created_at)
        SELECT gen_random_uuid(), id, 'a', 3, now() FROM users;
      INSERT INTO channel (id, kind, visibility, created_at, last_activity_at)
        VALUES ('${channelId}', 'ROOM', 'PUBLIC', now(), now());
      INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, reply_to_id, sent_at, deleted_at)
        SELECT ('${channelId.slice(0, -1)}' || n)::uuid, '${channelId}', id, 'TEXT', n, n, n,
          CASE WHEN n > 1 THEN '${channelId.slice(0, -1)}1'::uuid END, now(), CASE WHEN n = 4 THEN now() END
        FROM users, generate_series(1, 4) n;`);

    for (const name of later) await rename(join(aside, name), join(directory, name));
    await rm(aside, { recursive: true });
    await migrate(transaction, directory);

    const total = () => client.query('SELECT sum(bytes)::int AS bytes FROM stored_bytes');
    expect((await total()).rows).toEqual([{ bytes: 23 }]);
    const { rows: counted } = await client.query('SELECT reply_count AS n FROM entry ORDER BY seq');
    expect(counted).toEqual([2, 0, 0, 0].map((n) => ({ n })));
    await client.exec('DELETE FROM users');
    expect((await total()).rows).toEqual([{ bytes: 0 }]);
  });

  test('are applied once even if processes start at the same time, and recorded as Prisma records them', async () => {
    await Promise.all([migrate(transaction, directory), migrate(transaction, directory)]);

    const { rows } = await client.query(
      'SELECT migration_name, length(checksum) AS digits FROM _prisma_migrations ORDER BY migration_name',
    );
    const folders = (await readdir(paths.migrations, { withFileTypes: true })).filter((one) => one.isDirectory());
    const names = folders.map(({ name }) => name).sort();
    expect(rows).toEqual(names.map((migration_name) => ({ migration_name, digits: 64 })));
  });

  test('may not change once they were applied', async () => {
    await writeFile(join(directory, '0001_initial/migration.sql'), 'SELECT 1;');

    await expect(migrate(transaction, directory)).rejects.toBeInstanceOf(MigrationChangedError);
  });
});

describe('A database in memory', () => {
  test('starts with the files of an image', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'parley-database-image-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'database.tar.gz');
    await promisify(execFile)(process.execPath, ['api/infra/database/pglite-image.js', path]);
    const image = gunzipSync(await readFile(path));
    const database = await createMemoryDatabase({ migrations: paths.migrations, image });
    onTestFinished(database.stop);
    expect(await database.prisma.user.count()).toBe(0);
  });

  test('restores the rows that it kept, again and again', async () => {
    const database = await createMemoryDatabase({ migrations: paths.migrations });
    onTestFinished(database.stop);
    const { prisma } = database;
    const createdAt = new Date();
    const user = await prisma.user.create({ data: { id: randomUUID(), name: 'Ada', createdAt } });
    const session = { id: randomUUID(), userId: user.id, device: '', createdAt, lastUsedAt: createdAt };
    await prisma.session.create({ data: session });
    const rows = () => Promise.all([prisma.user.findMany(), prisma.session.findMany()]);
    const kept = await rows();
    await database.keep();
    for (let n = 0; n < 2; n++) {
      await prisma.user.update({ where: { id: user.id }, data: { name: 'Eve' } });
      await prisma.session.deleteMany();
      await prisma.user.create({ data: { id: randomUUID(), name: 'Bob', createdAt } });
      expect(await rows()).not.toEqual(kept);
      await database.restore();
      expect(await rows()).toEqual(kept);
    }
  });

  test('leaves no files behind when it restores', async () => {
    const database = await createMemoryDatabase({ migrations: paths.migrations });
    onTestFinished(database.stop);
    const files = async () => {
      const counting = `SELECT count(*) AS number FROM pg_ls_dir('base') base, pg_ls_dir('base/' || base)`;
      return Number((await database.query<{ number: string }>(counting))[0]?.number);
    };
    await database.keep();
    await database.restore();
    const first = await files();
    for (let n = 0; n < 3; n++) await database.restore();
    expect(await files()).toBe(first);
  });
});
