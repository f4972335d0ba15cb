import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { StuckRecordError } from '../../api/bridge/apply-batches.ts';
import { type ChosenRecords, createBridge } from '../../api/bridge/bridge.ts';
import { digestOf, WrongLogError } from '../../api/bridge/log-identity.ts';
import { encodeEvent, NewerWireError } from '../../api/event-records.ts';
import type { AttachmentFacts, NewEvent, Outcome } from '../../api/events.ts';
import { type Database, DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import { readOutcomes } from '../../api/infra/database/outcomes.ts';
import type { Bounds, LogState, StoredRecord } from '../../api/infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { noBridgeMetrics } from '../support/bridge-metrics.ts';
import { gate } from '../support/contested-row.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf, opened, room } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

let database: TestDatabase;

async function createTestBridge(over: Database = database, options: { setAside?: ChosenRecords } = {}) {
  const pubsub = createLossyPubSub(() => 'deliver');
  const outcomes = new Map<string, Outcome>();
  await pubsub.subscribe('outcomes:gateway', (published) => {
    for (const { eventId, outcome } of published) outcomes.set(eventId, outcome);
  });
  const log = createMemoryEventLog({ logger: createTestLogger() });
  const logger = createTestLogger();
  const bridge = createBridge({
    log,
    database: over,
    pubsub,
    metrics: noBridgeMetrics,
    logger,
    waitMs: 0,
    connections: 5,
    ...options,
  });
  await bridge.assigned(0, stateOf(null, null));
  return { bridge, log, outcomes };
}

/** Returns the state of a log of four partitions. */
function stateOf(bounds: Bounds | null, id: string | null = 'log'): LogState {
  return { id, partitions: 4, bounds };
}

function records(values: readonly (NewEvent | Partial<StoredRecord>)[], from = 0): StoredRecord[] {
  return values.map((value, n) => {
    const written =
      'eventId' in value ? encodeEvent(value) : { key: 'k', value: Buffer.from('?'), headers: {}, ...value };
    return { ...written, offset: BigInt(from + n) };
  });
}

function sent(text: string, clientId = text, attachments: AttachmentFacts[] = []): NewEvent & { messageId: string } {
  return {
    ...base('owner'),
    type: 'MessageSent',
    messageId: idOf(clientId),
    clientId,
    text,
    replyToId: null,
    attachments,
  };
}

/** Returns the database with a fault: a transaction that stores a message of that text fails with an error of PostgreSQL. */
function withFault(text: string, code: string, isActive = () => true): Database {
  return {
    ...database,
    transaction: (work) =>
      database.transaction(async (query) => {
        const result = await work(query);
        const condition = `EXISTS (SELECT FROM entry WHERE text = '${text}')`;
        if (isActive())
          await query(
            `DO $$ BEGIN IF ${condition} THEN RAISE EXCEPTION 'as asked' USING ERRCODE = '${code}'; END IF; END $$`,
          );
        return result;
      }),
  };
}

async function texts(): Promise<string[]> {
  const rows = await database.query<{ text: string }>(`SELECT text FROM entry WHERE kind = 'TEXT' ORDER BY seq`);
  return rows.map(({ text }) => text);
}

/** Locks the rooms of partitions, and returns a function that releases them. */
async function lockRooms(ofPartitions: readonly number[]): Promise<() => Promise<void>> {
  const [held, done] = [gate(), gate()];
  const holding = database.transaction(async (query) => {
    const ids = ofPartitions.map((partition) => idOf(`room ${partition}`));
    await query('SELECT FROM channel WHERE id = ANY($1) FOR UPDATE', [ids]);
    held.pass();
    await done.passed;
  });
  await held.passed;
  return () => {
    done.pass();
    return holding;
  };
}

/** Returns the number of connections that wait for a lock. */
async function countLockWaits(): Promise<number | undefined> {
  const rows = await database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.n;
}

describe.each(databaseKinds)('the bridge over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(() => database.empty());

  test('a record that cannot be decoded becomes a dead letter with its reason, and the partition continues', async () => {
    const { bridge, log } = await createTestBridge();
    const broken = { value: Buffer.from('{"type":'), headers: { 'parley-wire': '1' } };
    const unmarked = { value: encodeEvent(sent('unmarked')).value, headers: {} };

    const next = await bridge.handle({
      partition: 0,
      records: records([opened(), sent('a'), broken, unmarked, sent('b')]),
    });

    expect(next).toBe(5n);
    expect(await texts()).toEqual(['a', 'b']);
    expect(log.deadLetters.map(({ record, reason }) => [Number(record.offset), reason !== ''])).toEqual([
      [2, true],
      [3, true],
    ]);
  });

  test('a record that breaks the transaction becomes a dead letter, its neighbours are applied, and its sender gets a rejection', async () => {
    const { bridge, log, outcomes } = await createTestBridge();
    const unstorable = sent('NUL \0 cannot be stored', 'unstorable');
    const around = Array.from({ length: 9 }, (_, n) => sent(`${n}`));

    await bridge.handle({
      partition: 0,
      records: records([opened(), ...around.slice(0, 5), unstorable, ...around.slice(5)]),
    });

    expect(await texts()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
    expect(log.deadLetters).toHaveLength(1);
    expect(outcomes.get(unstorable.eventId)).toMatchObject({ applied: false, rejection: { code: 'UNAVAILABLE' } });
    const [{ body } = { body: null }] = await database.query<{ body: Outcome | null }>(
      'SELECT body FROM outcome WHERE event_id = $1',
      [unstorable.eventId],
    );
    expect(body).toEqual(outcomes.get(unstorable.eventId));
  });

  test('an upload that a restored database lacks is inserted again from the message it is attached to', async () => {
    const { bridge } = await createTestBridge();
    const owner = factsOf('owner');
    const picture = { id: idOf('lost'), filename: 'a.png', mimetype: 'image/png', byteSize: 7, width: 3, height: 2 };
    const kept = { ...picture, id: idOf('kept'), byteSize: 8 };
    await bridge.handle({ partition: 0, records: records([opened()]) });
    await database.query(
      `INSERT INTO upload (id, user_id, channel_id, filename, mimetype, byte_size, created_at)
       VALUES ($1, $2, $3, 'kept', 'text/plain', 1, now())`,
      [kept.id, owner.id, room],
    );
    await bridge.handle({ partition: 0, records: records([sent('look', 'look', [picture, kept])], 1) });
    const uploads = await database.prisma.upload.findMany({ orderBy: { byteSize: 'asc' } });
    expect(uploads).toMatchObject([
      { id: kept.id, filename: 'kept', byteSize: 1 },
      { ...picture, userId: owner.id, channelId: room },
    ]);
  });

  test.each([
    ['a lock is not available', '55P03'],
    ['the transaction was idle for too long', '25P03'],
    ['the server shuts down', '57P01'],
    ['another transaction conflicts', '40001'],
    ['a backup is being restored', '42P01'],
  ])('no record becomes a dead letter while the database is unavailable: %s', async (_, code) => {
    let failing = false;
    const { bridge, log } = await createTestBridge({
      ...database,
      transaction: (work) =>
        database.transaction(async (query) => {
          const result = await work(query);
          if (failing) await query(`DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '${code}'; END $$`);
          return result;
        }),
    });
    const batch = { partition: 0, records: records([opened(), sent('a'), sent('b')]) };

    failing = true;
    await expect(bridge.handle(batch)).rejects.toBeInstanceOf(DatabaseUnavailableError);
    failing = false;

    expect(await bridge.handle(batch)).toBe(3n);
    expect(log.deadLetters).toEqual([]);
    expect(await texts()).toEqual(['a', 'b']);
  });

  test('while a column is missing no record becomes a dead letter; the partition waits, says so, and continues once it is back', async () => {
    const { bridge, log, outcomes } = await createTestBridge();
    const leave: NewEvent = {
      ...base('owner'),
      type: 'MemberLeft',
      userId: idOf('owner'),
      revision: 1,
      gone: false,
    };
    const sends = Array.from({ length: 5 }, (_, n) => sent(`${n}`));
    const batch = { partition: 0, records: records([opened(), ...sends, leave]) };
    await bridge.handle({ partition: 0, records: batch.records.slice(0, 1) });
    await expect(bridge.ready()).resolves.toBeUndefined();

    await database.query('ALTER TABLE entry RENAME COLUMN client_id TO renamed');
    try {
      for (let n = 0; n < 2; n++) await expect(bridge.handle(batch)).rejects.toBeInstanceOf(StuckRecordError);
      expect(bridge.waiting()).toMatchObject([{ partition: 0, failures: 2, cause: 'refused' }]);
      await expect(bridge.ready()).rejects.toThrow(/: 0\./);
    } finally {
      await database.query('ALTER TABLE entry RENAME COLUMN renamed TO client_id');
    }

    // A plan that was made for the other name may fail once more.
    await vi.waitFor(async () => expect(await bridge.handle(batch)).toBe(7n));
    expect(await texts()).toEqual(['0', '1', '2', '3', '4']);
    expect(outcomes.get(leave.eventId)).toMatchObject({ applied: true });
    expect(log.deadLetters).toEqual([]);
    expect(bridge.waiting()).toEqual([]);
    await expect(bridge.ready()).resolves.toBeUndefined();
  });

  test('the records before one that cannot be applied now are applied, and the error names its offset', async () => {
    const { bridge, log } = await createTestBridge(withFault('guarded', 'P0001'));
    const batch = { partition: 0, records: records([opened(), sent('a'), sent('b'), sent('guarded'), sent('c')]) };

    await expect(bridge.handle(batch)).rejects.toThrow(/offset 3 of partition 0/);

    expect(await texts()).toEqual(['a', 'b']);
    expect(log.deadLetters).toEqual([]);
  });

  test('a record that an operator has set aside becomes a dead letter, and its partition continues', async () => {
    const setAside = [{ partition: 0, first: 3n, last: 3n }];
    const { bridge, log } = await createTestBridge(withFault('guarded', 'P0001'), { setAside });
    const batch = { partition: 0, records: records([opened(), sent('a'), sent('b'), sent('guarded'), sent('c')]) };

    expect(await bridge.handle(batch)).toBe(5n);

    expect(await texts()).toEqual(['a', 'b', 'c']);
    expect(log.deadLetters).toMatchObject([{ record: { offset: 3n }, reason: 'An operator has set it aside.' }]);
  });

  test.each(['22003', '22021', '23502', '23514', '54000'])(
    'a record whose data the database refuses becomes a dead letter: %s',
    async (code) => {
      const { bridge, log } = await createTestBridge(withFault('guarded', code));

      await bridge.handle({ partition: 0, records: records([opened(), sent('a'), sent('guarded'), sent('b')]) });

      expect(await texts()).toEqual(['a', 'b']);
      expect(log.deadLetters).toMatchObject([{ record: { offset: 2n } }]);
      expect(bridge.waiting()).toEqual([]);
    },
  );

  test('tells the age of the oldest event that it has read and not applied, also after some before it were applied', async () => {
    const fault = { isActive: true };
    const { bridge } = await createTestBridge(withFault('guarded', 'P0001', () => fault.isActive));
    const made = (event: NewEvent, seconds: number) => ({
      ...event,
      at: new Date(Date.now() - seconds * 1_000).toISOString(),
    });
    const all = records([made(opened(), 5_000), made(sent('guarded'), 600), made(sent('after'), 60)]);
    await bridge.handle({ partition: 0, records: all.slice(0, 1) });
    expect(bridge.oldestUnappliedSeconds()).toBe(0);

    await expect(bridge.handle({ partition: 0, records: all })).rejects.toBeInstanceOf(StuckRecordError);
    expect(Math.floor(bridge.oldestUnappliedSeconds() / 100)).toBe(6);

    fault.isActive = false;
    await bridge.handle({ partition: 0, records: all });
    expect(bridge.oldestUnappliedSeconds()).toBe(0);
  });

  test('a record that refers to a row which is removed at that moment is tried again before it is set aside, also alone', async () => {
    let faults = 0;
    const { bridge, log } = await createTestBridge(withFault('guarded', '23503', () => faults-- > 0));
    const broken = { value: Buffer.from('?'), headers: {} };
    // After a dead letter a partition shares no transaction for a while.
    await bridge.handle({ partition: 0, records: records([opened(), broken]) });

    faults = 1;
    expect(await bridge.handle({ partition: 0, records: records([sent('guarded')], 2) })).toBe(3n);

    expect(await texts()).toEqual(['guarded']);
    expect(log.deadLetters).toMatchObject([{ record: { offset: 1n } }]);
  });

  test('the sixth record in a row that becomes a dead letter stops its partition, until records can be applied again', async () => {
    const fault = { text: 'guarded', isActive: true };
    const { bridge, log } = await createTestBridge(withFault('guarded', '23514', () => fault.isActive));
    const poison = Array.from({ length: 7 }, (_, n) => sent('guarded', `${n}`));
    const batch = { partition: 0, records: records([opened(), ...poison, sent('after')]) };

    for (let n = 0; n < 2; n++) await expect(bridge.handle(batch)).rejects.toThrow(/5 records in a row/);
    expect(log.deadLetters.map(({ record }) => record.offset)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(bridge.waiting()).toMatchObject([{ partition: 0, cause: 'poison' }]);
    await expect(bridge.ready()).rejects.toThrow();

    fault.isActive = false;
    expect(await bridge.handle(batch)).toBe(9n);
    expect(await texts()).toEqual(['guarded', 'guarded', 'after']);
    expect(log.deadLetters).toHaveLength(5);
  });

  test('dead letters between records that are applied stop no partition', async () => {
    const { bridge, log } = await createTestBridge(withFault('guarded', '23514'));
    const mixed = Array.from({ length: 7 }, (_, n) => [sent('guarded', `poison ${n}`), sent(`${n}`)]).flat();

    expect(await bridge.handle({ partition: 0, records: records([opened(), ...mixed]) })).toBe(15n);

    expect(log.deadLetters).toHaveLength(7);
    expect(await texts()).toEqual(['0', '1', '2', '3', '4', '5', '6']);
  });

  test('a record of a newer wire version waits for a newer bridge, and the records before it are applied', async () => {
    const { bridge } = await createTestBridge();
    const newer = { value: encodeEvent(sent('newer')).value, headers: { 'parley-wire': '1000' } };

    expect(await bridge.handle({ partition: 0, records: records([opened(), sent('a'), newer, sent('b')]) })).toBe(2n);
    await expect(bridge.handle({ partition: 0, records: records([newer, sent('b')], 2) })).rejects.toBeInstanceOf(
      NewerWireError,
    );

    expect(await texts()).toEqual(['a']);
  });

  test('the position in the database decides: records before it are skipped, and records after a gap are read again', async () => {
    const { bridge } = await createTestBridge();
    const all = records([opened(), sent('a'), sent('b'), sent('c')]);

    expect(await bridge.handle({ partition: 0, records: all.slice(0, 2) })).toBe(2n);
    expect(await bridge.handle({ partition: 0, records: all.slice(0, 3) })).toBe(3n);
    expect(await bridge.handle({ partition: 0, records: all.slice(0, 2) })).toBe(3n);
    expect(await bridge.handle({ partition: 0, records: records([sent('far')], 9) })).toBe(3n);
    expect(await bridge.handle({ partition: 0, records: all.slice(3) })).toBe(4n);

    expect(await texts()).toEqual(['a', 'b', 'c']);
  });

  test('a partition stops at an offset that the log lacks, before a batch and within one, and says so', async () => {
    const { bridge, log } = await createTestBridge();
    await bridge.handle({ partition: 0, records: records([opened(), sent('a')]) });
    const around = [...records([sent('b')], 2), ...records([sent('c')], 4)];

    await expect(bridge.handle({ partition: 0, from: 2n, records: around.slice(1) })).rejects.toBeInstanceOf(
      WrongLogError,
    );
    expect(bridge.waiting()).toMatchObject([{ cause: 'log' }]);
    await expect(bridge.ready()).rejects.toThrow('these partitions wait: 0. Partition 0 has no record at offset 2');
    expect(await bridge.handle({ partition: 0, records: around })).toBe(3n);
    expect(bridge.waiting()).toEqual([]);
    await expect(bridge.ready()).resolves.toBeUndefined();
    await expect(bridge.handle({ partition: 0, from: 3n, records: around.slice(1) })).rejects.toBeInstanceOf(
      WrongLogError,
    );

    expect(await texts()).toEqual(['a', 'b']);
    expect(log.deadLetters).toEqual([]);
  });

  test('a log that begins after the position in the database, or ends before it, is refused as a different log', async () => {
    const { bridge } = await createTestBridge();
    await bridge.handle({ partition: 0, records: records([opened(), sent('a')]) });

    expect(await bridge.assigned(0, stateOf({ begin: 0n, end: 2n }))).toBe(1n);
    await expect(bridge.assigned(0, stateOf({ begin: 3n, end: 9n }))).rejects.toBeInstanceOf(WrongLogError);
    await expect(bridge.assigned(0, stateOf({ begin: 0n, end: 1n }))).rejects.toBeInstanceOf(WrongLogError);
  });

  test('a log that was created again is refused by its id', async () => {
    const { bridge } = await createTestBridge();
    await bridge.handle({ partition: 0, records: records([opened(), sent('a')]) });
    const bounds = { begin: 0n, end: 9n };
    await bridge.assigned(0, stateOf(bounds));

    await expect(bridge.assigned(0, stateOf(bounds, 'another'))).rejects.toBeInstanceOf(WrongLogError);
    expect(await bridge.assigned(0, stateOf(bounds, null))).toBe(1n);
  });

  test('a log that was created again is refused by the last record that was applied, however long it is', async () => {
    const { bridge, log } = await createTestBridge();
    const applied = records([opened(), sent('a')]);
    await bridge.handle({ partition: 0, records: applied });
    const from = await bridge.assigned(0, stateOf({ begin: 0n, end: 9n }, null));
    const others = records([sent('x'), sent('y'), sent('z')], Number(from));

    await expect(bridge.handle({ partition: 0, from, records: others })).rejects.toBeInstanceOf(WrongLogError);
    await expect(bridge.handle({ partition: 0, from, records: others.slice(1) })).rejects.toBeInstanceOf(WrongLogError);
    expect(bridge.waiting()).toMatchObject([{ cause: 'log' }]);
    expect(await texts()).toEqual(['a']);

    const same = [...applied.slice(1), ...records([sent('b')], 2)];
    expect(await bridge.handle({ partition: 0, from, records: same })).toBe(3n);
    expect(await texts()).toEqual(['a', 'b']);
    expect(log.deadLetters).toEqual([]);
  });

  test('a log that no longer holds the last record that was applied is accepted by its id alone', async () => {
    const { bridge } = await createTestBridge();
    await bridge.handle({ partition: 0, records: records([opened(), sent('a')]) });
    const bounds = { begin: 2n, end: 2n };

    await expect(bridge.assigned(0, stateOf(bounds))).rejects.toBeInstanceOf(WrongLogError);
    await bridge.assigned(0, stateOf({ begin: 0n, end: 2n }));
    expect(await bridge.assigned(0, stateOf(bounds))).toBe(2n);
    await expect(bridge.assigned(0, stateOf(bounds, null))).rejects.toBeInstanceOf(WrongLogError);
  });

  test('a position that a bridge of an older release has moved is accepted, and the next batch identifies the log again', async () => {
    const { bridge } = await createTestBridge();
    await bridge.handle({ partition: 0, records: records([opened(), sent('a')]) });
    await database.query('UPDATE log_position SET next_offset = 3');
    const bounds = { begin: 0n, end: 9n };

    expect(await bridge.assigned(0, stateOf(bounds))).toBe(3n);
    await bridge.handle({ partition: 0, records: records([sent('b')], 3) });
    expect(await bridge.assigned(0, stateOf(bounds))).toBe(3n);
    await expect(bridge.handle({ partition: 0, records: records([sent('c')], 3) })).rejects.toBeInstanceOf(
      WrongLogError,
    );
  });

  test('a partition that was added is not read, and the others continue', async () => {
    const { bridge } = await createTestBridge();
    const grown = { ...stateOf(null), partitions: 5 };

    await expect(bridge.assigned(4, grown)).rejects.toBeInstanceOf(WrongLogError);
    expect(await bridge.assigned(3, grown)).toBe(0n);
    await expect(bridge.assigned(0, { ...grown, partitions: 3 })).rejects.toBeInstanceOf(WrongLogError);
  });

  test('the last record that was applied may be of a newer wire version', async () => {
    const { bridge } = await createTestBridge();
    await bridge.handle({ partition: 0, records: records([opened()]) });
    const newer = { ...sent('newer'), headers: { 'parley-wire': '1000' } };
    const [last] = records([{ value: encodeEvent(newer).value, headers: newer.headers }], 1);
    if (last === undefined) throw new Error('there is one record');
    await database.query('UPDATE log_position SET next_offset = 2, last_offset = 1, last_record = $1', [
      digestOf(last),
    ]);

    expect(await bridge.handle({ partition: 0, records: [last, ...records([sent('a')], 2)] })).toBe(3n);
    expect(await texts()).toEqual(['a']);
  });

  describe('batches of several partitions', () => {
    const partitions = [0, 1, 2, 3];

    /** Returns a bridge with several partitions, and for each a batch with one room and one message. */
    async function createPartitions() {
      let transactions = 0;
      const testBridge = await createTestBridge({
        ...database,
        transaction(work) {
          transactions++;
          return database.transaction(work);
        },
      });
      for (const partition of partitions.slice(1)) await testBridge.bridge.assigned(partition, stateOf(null));
      const batchOf = (partition: number) => {
        const channelId = idOf(`room ${partition}`);
        const events = [opened(), sent(`${partition}`)].map((event) => ({ ...event, channelId }));
        return { partition, records: records(events) };
      };
      transactions = 0;
      return { ...testBridge, batchOf, transactions: () => transactions };
    }

    test('are applied in one transaction', async () => {
      const { bridge, batchOf, transactions } = await createPartitions();

      const all = await Promise.all(partitions.map((partition) => bridge.handle(batchOf(partition))));

      expect(all).toEqual([2n, 2n, 2n, 2n]);
      expect(transactions()).toBe(1);
      expect((await texts()).sort()).toEqual(['0', '1', '2', '3']);
    });

    test('are applied even if one of them has a record that cannot be decoded', async () => {
      const { bridge, log, batchOf } = await createPartitions();
      const undecodable = { partition: 2, records: records([{ value: Buffer.from('?') }]) };

      const all = await Promise.all([
        ...[0, 1, 3].map((partition) => bridge.handle(batchOf(partition))),
        bridge.handle(undecodable),
      ]);

      expect(all).toEqual([2n, 2n, 2n, 1n]);
      expect((await texts()).sort()).toEqual(['0', '1', '3']);
      expect(log.deadLetters).toHaveLength(1);
    });

    // PGlite has one connection, so no other transaction can hold a lock.
    if (kind === 'PostgreSQL') {
      test('do not wait for a partition that another bridge has locked', async () => {
        const { bridge, log, batchOf } = await createPartitions();
        let release = () => {};
        let holding = Promise.resolve();
        await new Promise<void>((hasIt) => {
          holding = database.transaction(async (query) => {
            await query('SELECT FROM log_position WHERE log = $1 AND partition = 1 FOR UPDATE', [log.name]);
            hasIt();
            await new Promise<void>((done) => {
              release = done;
            });
          });
        });
        const waiting = bridge.handle(batchOf(1));

        const others = await Promise.all([0, 2, 3].map((partition) => bridge.handle(batchOf(partition))));
        expect(others).toEqual([2n, 2n, 2n]);
        expect((await texts()).sort()).toEqual(['0', '2', '3']);

        release();
        await holding;
        expect(await waiting).toBe(2n);
      });

      test.each([
        ['one whose channel another transaction has locked', [1], 1],
        ['several of them, which hold few connections', [1, 2, 3], 3],
      ])('do not wait for %s', async (_, locked, maxLockWaits) => {
        const { bridge, batchOf } = await createPartitions();
        await Promise.all(partitions.map((partition) => bridge.handle(batchOf(partition))));
        const next = (partition: number, offset: number) => ({
          partition,
          records: records([{ ...sent(`${partition} at ${offset}`), channelId: idOf(`room ${partition}`) }], offset),
        });
        const release = await lockRooms(locked);
        let applied = 0;
        const waiting = locked.map((partition) =>
          vi.waitFor(() => bridge.handle(next(partition, 2))).then(() => applied++),
        );

        const free = partitions.filter((partition) => !locked.includes(partition));
        for (let offset = 2; offset < 6; offset++) {
          const nexts = await Promise.all(free.map((partition) => bridge.handle(next(partition, offset))));
          expect(nexts).toEqual(free.map(() => BigInt(offset + 1)));
          expect(await countLockWaits()).toBeLessThanOrEqual(maxLockWaits);
        }
        expect(applied).toBe(0);

        await release();
        await Promise.all(waiting);
        expect(await texts()).toEqual(expect.arrayContaining(locked.map((partition) => `${partition} at 2`)));
      });
    }
  });

  test('users that a restored database lacks are inserted from the events', async () => {
    const { bridge } = await createTestBridge();
    const joined: NewEvent = { ...base('ada'), type: 'MemberJoined', user: factsOf('ada'), revision: 0 };

    await bridge.handle({ partition: 0, records: records([opened(), joined]) });

    expect(await database.query('SELECT name FROM users ORDER BY name')).toEqual([{ name: 'ada' }, { name: 'owner' }]);
    const [channel] = await database.query('SELECT seq, position, member_count FROM channel WHERE id = $1', [room]);
    expect(channel).toEqual({ seq: 2, position: 2, member_count: 2 });
  });

  test('when the owner leaves, the member with the highest role and the longest membership becomes owner; when the last member leaves, the room closes', async () => {
    const { bridge, outcomes } = await createTestBridge();
    const join = (who: 'ada' | 'bob'): NewEvent => ({
      ...base(who),
      type: 'MemberJoined',
      user: factsOf(who),
      revision: 0,
    });
    const leave = (who: 'owner' | 'ada' | 'bob', revision: number): NewEvent => ({
      ...base(who),
      type: 'MemberLeft',
      userId: idOf(who),
      revision,
      gone: false,
    });
    await bridge.handle({ partition: 0, records: records([opened(), join('ada'), join('bob'), leave('owner', 1)]) });
    const roles = await database.query(`SELECT user_id, role FROM member WHERE state = 'ACTIVE' ORDER BY joined_at`);
    expect(roles).toEqual([
      { user_id: idOf('ada'), role: 'OWNER' },
      { user_id: idOf('bob'), role: 'MEMBER' },
    ]);

    const stale = leave('ada', 1);
    await bridge.handle({ partition: 0, records: records([stale, leave('ada', 2), leave('bob', 2)], 4) });

    expect(outcomes.get(stale.eventId)).toMatchObject({ applied: false, rejection: { code: 'CONFLICT' } });
    const [{ closed_at: closedAt } = {}] = await database.query<{ closed_at: Date }>('SELECT closed_at FROM channel');
    expect(closedAt).toBeInstanceOf(Date);
  });

  test('an event that is repeated, within a batch or over two, is applied once and keeps its outcome', async () => {
    const { bridge, outcomes } = await createTestBridge();
    const rename = (name: string): NewEvent => ({
      ...base('owner'),
      type: 'ChannelUpdated',
      name,
      visibility: null,
    });
    const [first, second] = [rename('A'), rename('B')];
    const message = sent('x');
    const edit: NewEvent = {
      ...base('owner'),
      type: 'MessageEdited',
      messageId: message.messageId,
      text: 'y',
      revision: 0,
    };
    await bridge.handle({
      partition: 0,
      records: records([opened(), first, second, first, message, message, edit, edit, message]),
    });

    expect(await database.query('SELECT name, seq, position FROM channel')).toEqual([
      { name: 'B', seq: 2, position: 3 },
    ]);
    expect(await texts()).toEqual(['y']);
    expect(outcomes.get(edit.eventId)).toMatchObject({ applied: true, entry: { text: 'y' } });
  });

  test('the outcome of an edit is stored without its text, and is read with the newest state of the message', async () => {
    const { bridge } = await createTestBridge();
    const message = sent('x');
    const edit = (text: string, revision: number): NewEvent => ({
      ...base('owner'),
      type: 'MessageEdited',
      messageId: message.messageId,
      text,
      revision,
    });
    const [first, second] = [edit('first', 0), edit('second', 1)];
    await bridge.handle({ partition: 0, records: records([opened(), message, first]) });
    const read = async () => (await readOutcomes(database.query, [first.eventId])).get(first.eventId);
    expect(await read()).toMatchObject({ applied: true, entry: { text: 'first' } });
    await bridge.handle({ partition: 0, records: records([second], 3) });

    expect(await read()).toMatchObject({ applied: true, entry: { text: 'second', revision: 2 } });
    const stored = await database.query('SELECT * FROM outcome');
    expect(JSON.stringify(stored)).not.toMatch(/first|second/);

    // The release before stored the entry as it was then.
    const body = JSON.stringify({ applied: true, entry: { id: message.messageId, text: 'first' } });
    await database.query('UPDATE outcome SET body = $2, entry_id = NULL WHERE event_id = $1', [first.eventId, body]);
    expect(await read()).toMatchObject({ applied: true, entry: { text: 'second' } });
    await database.query('DELETE FROM entry WHERE id = $1', [message.messageId]);
    expect(await read()).toMatchObject({ applied: false, rejection: { code: 'NOT_FOUND' } });
  });
});
