import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  DatabaseUnavailableError,
  isDataError,
  type SqlDatabase,
  StatementRefusedError,
  type TextQuery,
} from '../../api/infra/database/database.ts';
import { Prisma } from '../../prisma/generated/client.ts';

/** Describes the behavior that every database shares, wherever PostgreSQL runs. */
export function describeDatabase(name: string, create: () => Promise<SqlDatabase>): void {
  describe(`the database ${name}`, () => {
    let database: SqlDatabase;

    beforeAll(async () => {
      database = await create();
      return () => database.stop();
    });

    test('reads values as the types that the code expects', async () => {
      const id = randomUUID();
      const [row] = await database.query(
        `SELECT $1::uuid AS id, 7::int4 AS int4, 9007199254740993::int8::text AS int8, true AS bool, NULL::text AS nothing,
           '2026-01-02T03:04:05.678Z'::timestamptz AS time, '{"a": [1]}'::jsonb AS json, 'ROOM'::channel_kind AS kind,
           ARRAY[$1::uuid] AS ids, ARRAY[1, 2]::int4[] AS numbers, '\\x00ff'::bytea AS bytes`,
        [id],
      );

      expect(row).toMatchObject({
        id,
        int4: 7,
        int8: '9007199254740993',
        bool: true,
        nothing: null,
        time: new Date('2026-01-02T03:04:05.678Z'),
        json: { a: [1] },
        kind: 'ROOM',
        ids: [id],
        numbers: [1, 2],
      });
      expect([...(row as { bytes: Uint8Array }).bytes]).toEqual([0, 255]);
    });

    test('accepts arrays, JSON as a string, dates and null as parameters', async () => {
      const ids = [randomUUID(), randomUUID()];
      const at = new Date('2026-01-02T03:04:05.678Z');

      const [row] = await database.query(
        'SELECT $1::uuid[] AS ids, $2::jsonb AS json, $3::timestamptz AS at, $4::text AS nothing, $5::text[] AS texts',
        [ids, JSON.stringify([{ quote: `'"\\` }]), at, null, ['a,b', '{"c"}']],
      );

      expect(row).toEqual({ ids, json: [{ quote: `'"\\` }], at, nothing: null, texts: ['a,b', '{"c"}'] });
    });

    test('keeps the changes of a transaction if it resolves, and none if it rejects', async () => {
      const [kept, dropped] = [randomUUID(), randomUUID()];
      await database.transaction((query) => insertUser(query, kept));
      const failing = database.transaction(async (query) => {
        await insertUser(query, dropped);
        throw new Error('no');
      });

      await expect(failing).rejects.toThrow('no');
      expect(await usersAmong([kept, dropped])).toEqual([kept]);
    });

    test('rejects when the commit itself fails', async () => {
      await database.query(
        'CREATE TABLE IF NOT EXISTS late (id int PRIMARY KEY, other int REFERENCES late (id) DEFERRABLE INITIALLY DEFERRED)',
      );

      const failing = database.transaction((query) => query('INSERT INTO late VALUES (1, 2)'));

      await expect(failing).rejects.toThrow(/foreign key/);
      expect(await database.query('SELECT * FROM late')).toEqual([]);
    });

    test('rejects and keeps nothing if the work continues after a failed statement', async () => {
      const id = randomUUID();
      const failing = database.transaction(async (query) => {
        await insertUser(query, id);
        await query('SELECT 1 / 0').catch(() => {});
      });

      await expect(failing).rejects.toThrow();
      expect(await usersAmong([id])).toEqual([]);
    });

    test('rejects a statement of a transaction that has ended', async () => {
      let kept: TextQuery | undefined;
      await database.transaction(async (query) => {
        kept = query;
      });

      await expect(kept?.('SELECT 1')).rejects.toThrow();
    });

    test.each([
      ['57P01', 'the server is shutting down', DatabaseUnavailableError],
      ['53300', 'there are too many connections', DatabaseUnavailableError],
      ['40001', 'transactions conflict', DatabaseUnavailableError],
      ['40P01', 'transactions deadlock', DatabaseUnavailableError],
      ['55P03', 'a lock is not available', DatabaseUnavailableError],
      ['57014', 'a statement takes too long', DatabaseUnavailableError],
      ['25006', 'the server is no longer the primary', DatabaseUnavailableError],
      ['25P03', 'a transaction is idle for too long', DatabaseUnavailableError],
      ['42P01', 'a table is missing, as during a restore', DatabaseUnavailableError],
      ['42703', 'a column is missing', StatementRefusedError],
      ['42804', 'a column has another type', StatementRefusedError],
      ['42883', 'a function is missing', StatementRefusedError],
      ['42601', 'the server does not know the syntax', StatementRefusedError],
      ['0A000', 'the server lacks a feature', StatementRefusedError],
      ['25001', 'the transaction is in a wrong state', StatementRefusedError],
      ['55000', 'an object is not in the required state', StatementRefusedError],
      ['P0001', 'a trigger refuses the row', StatementRefusedError],
      ['XX000', 'the server has an internal error', StatementRefusedError],
      ['XX001', 'a table is damaged', StatementRefusedError],
    ])('is unavailable if PostgreSQL fails with %s: %s', async (code, _, kind) => {
      const statement = failingWith(code);
      const attempts = [
        database.query(statement),
        database.transaction((query) => query(statement)),
        database.prisma.$executeRawUnsafe(statement),
      ];

      for (const attempt of await Promise.allSettled(attempts)) {
        expect(attempt).toMatchObject({ status: 'rejected', reason: expect.any(kind) });
        // One kind extends the other.
        expect(attempt).toHaveProperty('reason.name', kind.name);
      }
    });

    test.each([
      ['22003', 'a number is out of range'],
      ['22P05', 'a character cannot be stored'],
      ['23502', 'a value is missing'],
      ['23505', 'a key exists'],
      ['54000', 'a value is too long for an index'],
      ['54001', 'a value is nested too deeply'],
    ])('passes on the error of values that cannot be stored: %s, %s', async (code) => {
      const statement = failingWith(code);
      await expect(database.query(statement)).rejects.toMatchObject({ code });
      await expect(database.query(statement)).rejects.toSatisfy(isDataError);
      await expect(database.transaction((query) => query(statement))).rejects.toMatchObject({ code });
      await expect(database.prisma.$executeRawUnsafe(statement)).rejects.not.toBeInstanceOf(DatabaseUnavailableError);
    });

    test('rejects a transaction with the error of the statement that failed first, though others were sent with it', async () => {
      const attempt = database.transaction(async (query) => {
        const failing = query(failingWith('23505')).catch(async (error: unknown) => {
          await new Promise(setImmediate);
          throw error;
        });
        await Promise.all([failing, query('SELECT 1')]);
      });
      await expect(attempt).rejects.toMatchObject({ code: '23505' });
    });

    test('passes on the error of Prisma for a record that already exists', async () => {
      const data = { id: randomUUID(), name: 'ada', createdAt: new Date() };
      await database.prisma.user.create({ data });
      await expect(database.prisma.user.create({ data })).rejects.toMatchObject({ code: 'P2002' });
    });

    test('runs transactions that lock the same row one after another', async () => {
      const id = randomUUID();
      await insertUser(database.query, id);

      await Promise.all(
        Array.from({ length: 20 }, () =>
          database.transaction(async (query) => {
            const [row] = await query<{ name: string }>('SELECT name FROM users WHERE id = $1 FOR UPDATE', [id]);
            await query('UPDATE users SET name = $2 WHERE id = $1', [id, `${row?.name}x`]);
          }),
        ),
      );

      const user = await database.prisma.user.findUnique({ where: { id } });
      expect(user?.name).toBe(`name${'x'.repeat(20)}`);
    });

    test('shows rows that Prisma wrote to SQL statements', async () => {
      const id = randomUUID();
      const createdAt = new Date('2026-01-02T03:04:05.678Z');
      await database.prisma.user.create({ data: { id, name: 'ä', createdAt } });

      expect(await database.query('SELECT name, created_at FROM users WHERE id = $1', [id])).toEqual([
        { name: 'ä', created_at: createdAt },
      ]);
    });

    test('has the tables and columns of the Prisma schema', async () => {
      const models = Object.values(Prisma.ModelName);
      expect(models).toContain('Entry');
      for (const model of models) {
        const delegate = database.prisma[`${model.charAt(0).toLowerCase()}${model.slice(1)}` as 'user'];
        await expect(delegate.findFirst(), model).resolves.not.toBe(undefined);
      }
    });

    test('reports that it is ready', async () => {
      await expect(database.ready()).resolves.toBeUndefined();
    });

    async function usersAmong(ids: string[]): Promise<string[]> {
      const rows = await database.query<{ id: string }>('SELECT id FROM users WHERE id = ANY($1::uuid[])', [ids]);
      return rows.map(({ id }) => id);
    }
  });
}

async function insertUser(query: TextQuery, id: string): Promise<void> {
  await query(`INSERT INTO users (id, name, created_at) VALUES ($1, 'name', now())`, [id]);
}

function failingWith(code: string): string {
  return `DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '${code}'; END $$`;
}
