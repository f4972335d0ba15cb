import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createLogAcceptance } from '../../api/bridge/accept-log.ts';
import { createPositions } from '../../api/bridge/positions.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let logId: string;
let range: { begin: bigint; end: bigint };
const log = {
  name: 'log',
  describe: async () => ({ id: logId, partitions: 1, bounds: new Map([[0, range]]) }),
};

beforeAll(async () => {
  database = await openDatabase('PostgreSQL');
  return () => database.stop();
});
beforeEach(async () => {
  await database.empty();
  [logId, range] = ['first', { begin: 3n, end: 20n }];
  await database.query(`INSERT INTO log_position (log, partition, next_offset, log_id) VALUES ('log', 0, 10, 'first')`);
});

test.each([
  ['end', 20n, 10n, 0n],
  ['begin', 3n, 0n, 7n],
  [10n, 10n, 0n, 0n],
] as const)(
  'a preview of --from %s counts lost and repeated records, and changes nothing',
  async (from, next, skipped, repeated) => {
    const acceptance = createLogAcceptance(log, database);
    expect(await acceptance.preview(0, from)).toEqual({ next, skipped, repeated });
    expect(await acceptance.status()).toMatchObject([{ next: 10n, problem: null }]);
    expect(await acceptance.accept(0, from)).toEqual({ next, skipped, repeated });
    expect(await acceptance.status()).toMatchObject([{ next, problem: null }]);
  },
);

test('all records before the offset are lost if the log was created again', async () => {
  const acceptance = createLogAcceptance(log, database);
  [logId, range] = ['second', { begin: 0n, end: 20n }];
  expect(await acceptance.preview(0, 'end')).toMatchObject({ skipped: 20n, repeated: 0n });
  expect(await acceptance.preview(0, 'begin')).toMatchObject({ skipped: 0n, repeated: 0n });
});

test('the status is read while a bridge has locked a partition', async () => {
  const acceptance = createLogAcceptance(log, database);
  await database.transaction(async (query) => {
    await createPositions('log').lock(query, [0], { lockMs: 1_000, statementMs: null });
    expect(await acceptance.status()).toHaveLength(1);
  });
});
