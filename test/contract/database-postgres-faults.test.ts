import { beforeAll, describe, expect, test } from 'vitest';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import { StartError } from '../../api/start-errors.ts';
import { gate, lock, move, position, withRow } from '../support/contested-row.ts';
import { createOpening } from '../support/opening.ts';
import { createPostgres } from '../support/postgres-database.ts';
import { type PostgresService, startOwnPostgres } from '../support/services/postgres.ts';

const unavailable = expect.any(DatabaseUnavailableError);

const opening = createOpening();

describe('a PostgreSQL server', () => {
  let server: PostgresService;
  beforeAll(async () => {
    server = await startOwnPostgres();
    return () => server.stop();
  });

  test('that is killed makes the database unavailable, and has only committed rows after its restart', async () => {
    const database = opening(await withRow(await createPostgres(await server.createDatabase())));
    const [begun, killed] = [gate(), gate()];
    await database.transaction((query) => move(query, 1));
    const cut = database.transaction(async (query) => {
      await move(query, 10);
      begun.pass();
      await killed.passed;
      await move(query, 100);
    });
    await begun.passed;

    await server.kill('SIGKILL');
    killed.pass();
    const attempts = [
      cut,
      database.query('SELECT 1'),
      database.transaction(lock),
      database.prisma.user.findFirst(),
      database.ready(),
    ];
    for (const attempt of await Promise.allSettled(attempts)) {
      expect(attempt).toMatchObject({ status: 'rejected', reason: unavailable });
    }
    expect(database.load().failures).toBeGreaterThanOrEqual(attempts.length);

    await server.restart();
    await database.ready();
    expect(await position(database)).toBe('1');
    expect(await database.prisma.user.findFirst()).toBe(null);
  });

  test('that hangs makes statements fail within their limits, until it resumes', async () => {
    const limits = { statementTimeoutMs: 2_000, connectTimeoutMs: 2_000, pool: 3 };
    const database = opening(await withRow(await createPostgres(await server.createDatabase(), limits)));
    const begun = gate();
    const stopped = gate();
    const cut = database.transaction(async (query) => {
      await lock(query);
      begun.pass();
      await stopped.passed;
      await move(query, 1);
    });
    await begun.passed;

    await server.kill('SIGSTOP');
    stopped.pass();
    const attempts = [
      cut,
      ...Array.from({ length: 10 }, () => database.query('SELECT 1')),
      database.prisma.user.count(),
    ];
    for (const attempt of await Promise.allSettled(attempts)) {
      expect(attempt).toMatchObject({ status: 'rejected', reason: unavailable });
    }

    await server.kill('SIGCONT');
    await database.transaction((query) => move(query, 10));
    expect(['10', '11']).toContain(await position(database));
    await Promise.all(Array.from({ length: 10 }, () => database.query('SELECT 1')));
  });

  test('that is not up yet delays the start; one that denies access is named in the error without the password', async () => {
    const url = await server.createDatabase();
    await server.kill('SIGKILL');
    const starting = createPostgres(url);
    await server.restart();
    await opening(await starting).ready();

    const withPassword = url.replace('parley@', 'parley:secret@');
    for (const wrong of [withPassword.replace(/test_\w+$/, 'nowhere'), withPassword.replace('parley:', 'stranger:')]) {
      const refused = createPostgres(wrong);
      await expect(refused).rejects.toBeInstanceOf(StartError);
      await expect(refused).rejects.toThrow(/(nowhere|stranger).*DATABASE_URL/);
      await expect(refused).rejects.not.toThrow(/secret/);
    }
  });

  test('is reached over TLS, with a verified certificate, if the URL requires it', async () => {
    const url = (await server.createDatabase()).replace('127.0.0.1', 'localhost');
    const database = opening(await createPostgres(`${url}?sslmode=verify-full&sslrootcert=${server.certificate}`));

    expect(await database.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).toEqual([{ ssl: true }]);
    await expect(createPostgres(`${url}?sslmode=verify-full`, { startTimeoutMs: 0 })).rejects.toThrow(/certificate/);
  });
});
