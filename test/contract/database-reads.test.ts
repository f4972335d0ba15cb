import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { statement } from '../../api/infra/database/statement.ts';
import { int4 } from '../../api/infra/database/types.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';

const one = statement({ sql: 'SELECT 1 AS value', row: { value: int4 } });
const waitForLock = statement({
  sql: 'SELECT 1 AS value FROM pg_advisory_xact_lock($key)',
  parameters: { key: int4 },
  row: { value: int4 },
});

/** Number of reads of a flood: more than there are connections. */
const flood = 20;

describe('over one connection', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase('PGlite');
  });
  afterAll(() => database.stop());

  test('other statements wait for one reader at most, and readers take turns', async () => {
    const ended: string[] = [];
    const read = (reader: string) => database.read(reader, one, {}).then(() => ended.push(reader));
    const reads = [...Array.from({ length: 4 }, () => read('flood')), read('ada'), read('bob')];
    const send = database.transaction((query) => query(one, {})).then(() => ended.push('send'));
    expect(database.load()).toMatchObject({ waitingReads: 5 });
    await Promise.all([...reads, send]);
    expect(database.load()).toMatchObject({ busy: 0, waiting: 0, waitingReads: 0, failures: 0 });
    expect(ended).toEqual(['flood', 'send', 'flood', 'ada', 'bob', 'flood', 'flood']);
  });
});

describe.runIf(databaseKinds.includes('PostgreSQL'))('over a pool', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase('PostgreSQL');
  });
  afterAll(() => database.stop());

  test('any number of slow reads leaves connections to other statements', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holding = await new Promise<{ end: Promise<void> }>((locked) => {
      const end: Promise<void> = database.transaction(async (query) => {
        await query(waitForLock, { key: 1 });
        locked({ end });
        await released;
      });
    });
    const reads = Array.from({ length: flood }, () => database.read('flood', waitForLock, { key: 1 }));
    expect(await database.query(one, {})).toEqual([{ value: 1 }]);
    expect(await database.transaction((query) => query(one, {}))).toEqual([{ value: 1 }]);
    release();
    await holding.end;
    expect(await Promise.all(reads)).toHaveLength(flood);
  });
});
