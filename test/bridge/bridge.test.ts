import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createBridge, WrongLogError } from '../../api/bridge/bridge.ts';
import {
  type AttachmentFacts,
  type ChannelEvent,
  encodeEvent,
  NewerWireError,
  type Outcome,
} from '../../api/events.ts';
import { type Database, DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import type { StoredRecord } from '../../api/infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf, opened, room } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

let database: TestDatabase;

const metrics = { applied: () => {}, setAside: () => {}, publishFailed: () => {} };

async function createWorkbench(over: Database = database) {
  const pubsub = createLossyPubSub(() => 'deliver');
  const outcomes = new Map<string, Outcome>();
  await pubsub.subscribe('outcomes:gateway', (published) => {
    for (const { eventId, outcome } of published) outcomes.set(eventId, outcome);
  });
  const log = createMemoryEventLog({ logger: createTestLogger() });
  const bridge = createBridge({ log, database: over, pubsub, metrics, logger: createTestLogger() });
  await bridge.assigned(0, null);
  return { bridge, log, outcomes };
}

function records(values: readonly (ChannelEvent | Partial<StoredRecord>)[], from = 0): StoredRecord[] {
  return values.map((value, n) => {
    const written =
      'eventId' in value ? encodeEvent(value) : { key: 'k', value: Buffer.from('?'), headers: {}, ...value };
    return { ...written, offset: BigInt(from + n) };
  });
}

function said(
  text: string,
  clientId = text,
  attachments: AttachmentFacts[] = [],
): ChannelEvent & { messageId: string } {
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

async function texts(): Promise<string[]> {
  const rows = await database.query<{ text: string }>(`SELECT text FROM entry WHERE kind = 'TEXT' ORDER BY seq`);
  return rows.map(({ text }) => text);
}

describe.each(databaseKinds)('the bridge over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(() => database.empty());

  test('a record that cannot be read is set aside with its reason, and the partition goes on', async () => {
    const { bridge, log } = await createWorkbench();
    const broken = { value: Buffer.from('{"type":'), headers: { 'parley-wire': '1' } };
    const unmarked = { value: encodeEvent(said('unmarked')).value, headers: {} };

    const next = await bridge.handle({
      partition: 0,
      records: records([opened(), said('a'), broken, unmarked, said('b')]),
    });

    expect(next).toBe(5n);
    expect(await texts()).toEqual(['a', 'b']);
    expect(log.setAsideRecords.map(({ record, reason }) => [Number(record.offset), reason !== ''])).toEqual([
      [2, true],
      [3, true],
    ]);
  });

  test('a record that breaks the database is found among its neighbours, set aside, and its sender is told', async () => {
    const { bridge, log, outcomes } = await createWorkbench();
    const poison = said('NUL \0 cannot be stored', 'poison');
    const around = Array.from({ length: 9 }, (_, n) => said(`${n}`));

    await bridge.handle({
      partition: 0,
      records: records([opened(), ...around.slice(0, 5), poison, ...around.slice(5)]),
    });

    expect(await texts()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
    expect(log.setAsideRecords).toHaveLength(1);
    expect(outcomes.get(poison.eventId)).toMatchObject({ applied: false, rejection: { code: 'UNAVAILABLE' } });
    const [{ body } = { body: null }] = await database.query<{ body: Outcome | null }>(
      'SELECT body FROM outcome WHERE event_id = $1',
      [poison.eventId],
    );
    expect(body).toEqual(outcomes.get(poison.eventId));
  });

  test('a file that a restored database does not know is known again by the message that it is attached to', async () => {
    const { bridge } = await createWorkbench();
    const owner = factsOf('owner');
    const picture = { id: idOf('lost'), filename: 'a.png', mimetype: 'image/png', byteSize: 7, width: 3, height: 2 };
    const kept = { ...picture, id: idOf('kept'), byteSize: 8 };
    await bridge.handle({ partition: 0, records: records([opened()]) });
    await database.query(
      `INSERT INTO upload (id, user_id, channel_id, filename, mimetype, byte_size, created_at)
       VALUES ($1, $2, $3, 'kept', 'text/plain', 1, now())`,
      [kept.id, owner.id, room],
    );
    await bridge.handle({ partition: 0, records: records([said('look', 'look', [picture, kept])], 1) });
    const uploads = await database.prisma.upload.findMany({ orderBy: { byteSize: 'asc' } });
    expect(uploads).toMatchObject([
      { id: kept.id, filename: 'kept', byteSize: 1 },
      { ...picture, userId: owner.id, channelId: room },
    ]);
  });

  test.each([
    ['a lock is not to be had', '55P03'],
    ['the transaction stood still for too long', '25P03'],
    ['the server shuts down', '57P01'],
    ['another transaction goes first', '40001'],
    ['a backup is being restored', '42P01'],
  ])('no record is set aside while the database cannot do it: %s', async (_, code) => {
    let failing = false;
    const { bridge, log } = await createWorkbench({
      ...database,
      transaction: (work) =>
        database.transaction(async (query) => {
          const result = await work(query);
          if (failing) await query(`DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '${code}'; END $$`);
          return result;
        }),
    });
    const batch = { partition: 0, records: records([opened(), said('a'), said('b')]) };

    failing = true;
    await expect(bridge.handle(batch)).rejects.toBeInstanceOf(DatabaseUnavailableError);
    failing = false;

    expect(await bridge.handle(batch)).toBe(3n);
    expect(log.setAsideRecords).toEqual([]);
    expect(await texts()).toEqual(['a', 'b']);
  });

  test('a record of a newer wire version waits for a newer bridge, and what lies before it is applied', async () => {
    const { bridge } = await createWorkbench();
    const newer = { value: encodeEvent(said('newer')).value, headers: { 'parley-wire': '1000' } };

    expect(await bridge.handle({ partition: 0, records: records([opened(), said('a'), newer, said('b')]) })).toBe(2n);
    await expect(bridge.handle({ partition: 0, records: records([newer, said('b')], 2) })).rejects.toBeInstanceOf(
      NewerWireError,
    );

    expect(await texts()).toEqual(['a']);
  });

  test('the database says where to go on: behind it is skipped, ahead of it is sought back', async () => {
    const { bridge } = await createWorkbench();
    const all = records([opened(), said('a'), said('b'), said('c')]);

    expect(await bridge.handle({ partition: 0, records: all.slice(0, 2) })).toBe(2n);
    expect(await bridge.handle({ partition: 0, records: all.slice(0, 3) })).toBe(3n);
    expect(await bridge.handle({ partition: 0, records: all.slice(0, 2) })).toBe(3n);
    expect(await bridge.handle({ partition: 0, records: records([said('far')], 9) })).toBe(3n);
    expect(await bridge.handle({ partition: 0, records: all.slice(3) })).toBe(4n);

    expect(await texts()).toEqual(['a', 'b', 'c']);
  });

  test('offsets that the log leaves out are gone by, before a batch and within one, also where a record is set aside', async () => {
    const { bridge, log } = await createWorkbench();
    await bridge.handle({ partition: 0, records: records([opened(), said('a')]) });
    const gap = [
      ...records([said('b'), { value: Buffer.from('?') }], 4),
      ...records([{ value: Buffer.from('?') }, said('c')], 8),
    ];

    expect(await bridge.handle({ partition: 0, from: 3n, records: gap })).toBe(2n);
    expect(await bridge.handle({ partition: 0, from: 2n, records: gap })).toBe(10n);

    expect(await texts()).toEqual(['a', 'b', 'c']);
    expect(log.setAsideRecords.map(({ record }) => record.offset)).toEqual([5n, 8n]);
  });

  test('a log that begins after, or ends before, what the database wants is not the log that was', async () => {
    const { bridge } = await createWorkbench();
    await bridge.handle({ partition: 0, records: records([opened(), said('a')]) });

    expect(await bridge.assigned(0, { begin: 0n, end: 2n })).toBe(2n);
    await expect(bridge.assigned(0, { begin: 3n, end: 9n })).rejects.toBeInstanceOf(WrongLogError);
    await expect(bridge.assigned(0, { begin: 0n, end: 1n })).rejects.toBeInstanceOf(WrongLogError);
  });

  describe('what several partitions bring at once', () => {
    const partitions = [0, 1, 2, 3];

    /** Partitions with a room each, in which somebody speaks. */
    async function createCrowd() {
      let transactions = 0;
      const workbench = await createWorkbench({
        ...database,
        transaction(work) {
          transactions++;
          return database.transaction(work);
        },
      });
      for (const partition of partitions.slice(1)) await workbench.bridge.assigned(partition, null);
      const batchOf = (partition: number) => {
        const channelId = idOf(`room ${partition}`);
        const events = [opened(), said(`${partition}`)].map((event) => ({ ...event, channelId }));
        return { partition, records: records(events) };
      };
      transactions = 0;
      return { ...workbench, batchOf, transactions: () => transactions };
    }

    test('is applied in one transaction', async () => {
      const { bridge, batchOf, transactions } = await createCrowd();

      const all = await Promise.all(partitions.map((partition) => bridge.handle(batchOf(partition))));

      expect(all).toEqual([2n, 2n, 2n, 2n]);
      expect(transactions()).toBe(1);
      expect((await texts()).sort()).toEqual(['0', '1', '2', '3']);
    });

    test('suffers nothing from the poison of one of them', async () => {
      const { bridge, log, batchOf } = await createCrowd();
      const poison = { partition: 2, records: records([{ value: Buffer.from('?') }]) };

      const all = await Promise.all([
        ...[0, 1, 3].map((partition) => bridge.handle(batchOf(partition))),
        bridge.handle(poison),
      ]);

      expect(all).toEqual([2n, 2n, 2n, 1n]);
      expect((await texts()).sort()).toEqual(['0', '1', '3']);
      expect(log.setAsideRecords).toHaveLength(1);
    });

    // PGlite has one connection: nobody else can hold anything.
    if (kind === 'PostgreSQL') {
      test('does not wait for one that another bridge holds', async () => {
        const { bridge, log, batchOf } = await createCrowd();
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
    }
  });

  test('users whom a restored database lacks are inserted from what events say of them', async () => {
    const { bridge } = await createWorkbench();
    const joined: ChannelEvent = { ...base('ada'), type: 'MemberJoined', user: factsOf('ada'), revision: 0 };

    await bridge.handle({ partition: 0, records: records([opened(), joined]) });

    expect(await database.query('SELECT name FROM users ORDER BY name')).toEqual([{ name: 'ada' }, { name: 'owner' }]);
    const [channel] = await database.query('SELECT seq, position, member_count FROM channel WHERE id = $1', [room]);
    expect(channel).toEqual({ seq: 2, position: 2, member_count: 2 });
  });

  test('an owner who leaves hands the room to the highest and longest standing, and the last to leave closes it', async () => {
    const { bridge, outcomes } = await createWorkbench();
    const join = (who: 'ada' | 'bob'): ChannelEvent => ({
      ...base(who),
      type: 'MemberJoined',
      user: factsOf(who),
      revision: 0,
    });
    const leave = (who: 'owner' | 'ada' | 'bob', revision: number): ChannelEvent => ({
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

  test('an event that is repeated within a batch is applied once, as over two batches, with the same outcome', async () => {
    const { bridge, outcomes } = await createWorkbench();
    const rename = (name: string): ChannelEvent => ({
      ...base('owner'),
      type: 'ChannelUpdated',
      name,
      visibility: null,
    });
    const [first, second] = [rename('A'), rename('B')];
    const message = said('x');
    const edit: ChannelEvent = {
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
});
