import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogAcceptance } from '../../api/bridge/accept-log.ts';
import { createBridge } from '../../api/bridge/bridge.ts';
import { portion } from '../../api/domain/cleanup/job.ts';
import { createOffsetTracking } from '../../api/domain/cleanup/offsets.ts';
import { encodeEvent } from '../../api/event-records.ts';
import type { NewEvent } from '../../api/events.ts';
import type { StoredRecord } from '../../api/infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { noBridgeMetrics } from '../support/bridge-metrics.ts';
import { completeRound } from '../support/cleanup.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, eventMaker, factsOf, idOf, opened, room } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

let database: TestDatabase;

async function startBridge() {
  const logger = createTestLogger();
  const bridge = createBridge({
    log: createMemoryEventLog({ logger }),
    database,
    pubsub: createLossyPubSub(() => 'deliver'),
    metrics: noBridgeMetrics,
    logger,
    connections: 5,
  });
  for (const partition of [0, 1]) await bridge.assigned(partition, { id: 'log', partitions: 2, bounds: null });
  return {
    /** Applies events at consecutive offsets of a partition, whose position is set to the first of them. */
    async apply(events: readonly (NewEvent | null)[], from: number, partition = 0): Promise<void> {
      if (events.length === 0) return;
      await database.query('UPDATE log_position SET next_offset = $1 WHERE partition = $2', [from, partition]);
      await bridge.handle({ partition, records: recordsOf(events, from) });
    },
  };
}

function recordsOf(events: readonly (NewEvent | null)[], from: number): StoredRecord[] {
  const broken = { key: room, value: Buffer.from('{'), headers: { 'parley-wire': '1' } };
  return events.map((event, n) => ({ ...(event === null ? broken : encodeEvent(event)), offset: BigInt(from + n) }));
}

const sent = (text: string, channelId = room): NewEvent => ({
  ...base('owner'),
  channelId,
  type: 'MessageSent',
  messageId: idOf(`${channelId} ${text}`),
  clientId: text,
  text,
  replyToId: null,
  attachments: [],
});
const renamed = (name: string): NewEvent => ({ ...base('owner'), type: 'ChannelUpdated', name, visibility: null });
const joined = (): NewEvent => ({ ...base('ada'), type: 'MemberJoined', user: factsOf('ada'), revision: 0 });
const left = (who: 'ada' | 'owner', revision: number): NewEvent => ({
  ...base(who),
  type: 'MemberLeft',
  userId: idOf(who),
  revision,
  gone: false,
});
const edited = (text: string): NewEvent => ({
  ...base('owner'),
  type: 'MessageEdited',
  messageId: idOf(`${room} ${text}`),
  text: `${text}!`,
  revision: 0,
});

async function channelOf(id = room) {
  const [row] = await database.query<Record<string, number | string | null>>(
    `SELECT log_partition AS partition, log_offset AS "offset", changed_offset AS changed, version, log_version AS "logVersion",
       tracked_from AS "trackedFrom", tracked_position AS "trackedPosition" FROM channel WHERE id = $1`,
    [id],
  );
  return row && Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value === null ? null : +value]));
}

/** Returns the offsets of rows in order. */
async function offsets(table: 'entry' | 'member', order: string): Promise<(number | null)[]> {
  const rows = await database.query<{ at: string | null }>(`SELECT log_offset AS at FROM ${table} ORDER BY ${order}`);
  return rows.map(({ at }) => (at === null ? null : Number(at)));
}

describe.each(databaseKinds)('offsets in %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(() => database.empty());

  test('each change of a channel is stored with its place in the log', async () => {
    const { apply } = await startBridge();
    await apply([opened()], 7);
    expect(await channelOf()).toMatchObject({
      partition: 0,
      offset: 7,
      changed: 7,
      trackedFrom: 0,
      trackedPosition: 0,
    });
    expect(await offsets('member', 'user_id')).toEqual([7]);
    await apply([sent('a'), sent('b'), renamed('Kitchen'), sent('c'), joined()], 8);
    expect(await channelOf()).toMatchObject({ offset: 12, changed: 10, trackedFrom: 0 });
    expect(await offsets('entry', 'seq')).toEqual([7, 8, 9, 11, 12]);
    expect(await offsets('member', 'joined_at')).toEqual([7, 12]);
    await apply([edited('a'), left('owner', 1), left('ada', 2)], 13);
    expect(await channelOf()).toMatchObject({ offset: 15, changed: 15 });
    expect(await offsets('entry', 'position')).toEqual([7, 9, 11, 12, 13, 14, 15]);
    expect(await offsets('member', 'joined_at')).toEqual([14, 15]);
    const { version, logVersion } = (await channelOf()) ?? {};
    expect(logVersion).toBe(version);
  });

  test('one statement stores the places of sends to channels of different partitions', async () => {
    const { apply } = await startBridge();
    const other = idOf('other room');
    await apply([opened()], 0);
    await apply([{ ...opened(), channelId: other }], 40, 1);
    await Promise.all([apply([sent('a'), sent('b')], 1), apply([sent('a', other), sent('b', other)], 41, 1)]);
    expect(await channelOf()).toMatchObject({ partition: 0, offset: 2, changed: 0 });
    expect(await channelOf(other)).toMatchObject({ partition: 1, offset: 42, changed: 40 });
  });

  test('records that become dead letters do not shift the offsets of the others', async () => {
    const { apply } = await startBridge();
    await apply([opened(), sent('a'), null, sent('b'), null, renamed('Kitchen')], 0);
    expect(await offsets('entry', 'seq')).toEqual([0, 1, 3]);
    expect(await channelOf()).toMatchObject({ offset: 5, changed: 5 });
  });

  test('changes are tracked again after a bridge of the release before has changed the channel', async () => {
    const { apply } = await startBridge();
    await apply([opened(), sent('a')], 0);
    // A statement of that release.
    await database.query('UPDATE channel SET position = position + 1, version = version + 1 WHERE id = $1', [room]);
    await database.query('UPDATE entry SET position = 3 WHERE position = 2');
    const before = await channelOf();
    expect(before?.['logVersion']).not.toBe(before?.['version']);
    await apply([sent('b')], 9);
    expect(await channelOf()).toMatchObject({ offset: 9, changed: 8, trackedFrom: 9, trackedPosition: 3 });
    await apply([sent('c'), renamed('Kitchen')], 10);
    expect(await channelOf()).toMatchObject({ offset: 11, changed: 11, trackedFrom: 9, trackedPosition: 3 });
  });

  test('a channel of before the migration is tracked from its next change on', async () => {
    const { apply } = await startBridge();
    await apply([opened(), sent('a')], 0);
    await database.query(
      `UPDATE channel SET log_partition = NULL, log_offset = NULL, changed_offset = NULL, log_version = NULL, tracked_from = NULL,
         tracked_position = NULL`,
    );
    await apply([joined()], 2);
    expect(await channelOf()).toMatchObject({
      partition: 0,
      offset: 2,
      changed: 1,
      trackedFrom: 2,
      trackedPosition: 2,
    });
  });

  test('a replay after a restore stores the same offsets, however the records are split into batches', async () => {
    const cuts = fc.array(fc.nat({ max: 12 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(eventMaker, { minLength: 1, maxLength: 12 }),
        cuts,
        cuts,
        async (made, first, second) => {
          const events = [opened(), ...made.map((make) => make())];
          const states: unknown[] = [];
          for (const split of [first, second]) {
            await database.empty();
            await applySplit(events, split);
            states.push([await channelOf(), await offsets('entry', 'seq'), await offsets('member', 'user_id')]);
          }
          expect(withoutVersions(states[1])).toEqual(withoutVersions(states[0]));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('the cleanup tracks channels that nothing changes, and leaves the others', async () => {
    const { apply } = await startBridge();
    await apply([opened(), sent('a')], 0);
    const tracked = await channelOf();
    await database.query(
      `INSERT INTO channel (id, kind, visibility, created_at, last_activity_at, position, version)
       SELECT gen_random_uuid(), 'ROOM', 'PUBLIC', now(), now(), 5, 6 FROM generate_series(1, ${portion})`,
    );
    const log = { name: 'embedded', partitionOf: async () => 0 };
    expect(await completeRound(createOffsetTracking({ database, log }))).toEqual({});
    expect(await channelOf()).toEqual(tracked);
    const others = await database.query(
      `SELECT DISTINCT log_partition, log_offset::int, changed_offset::int, tracked_from::int, tracked_position, log_version
       FROM channel WHERE id <> $1`,
      [room],
    );
    expect(others).toEqual([
      { log_partition: 0, log_offset: 1, changed_offset: 1, tracked_from: 2, tracked_position: 5, log_version: 6 },
    ]);
  });

  test('offsets of another log that an operator accepts do not mix with those before', async () => {
    const { apply } = await startBridge();
    const other = idOf('other room');
    await apply([opened()], 50);
    await apply([{ ...opened(), channelId: other }], 50, 1);
    const describe = async () => ({ id: 'new', partitions: 2, bounds: new Map([[0, { begin: 0n, end: 5n }]]) });
    await createLogAcceptance({ name: 'embedded', describe }, database).accept(0, 'begin');
    expect((await channelOf())?.['logVersion']).toBe(null);
    expect((await channelOf(other))?.['logVersion']).toBe(0 + 1);
  });
});

async function applySplit(events: readonly NewEvent[], cuts: readonly number[]): Promise<void> {
  const { apply } = await startBridge();
  const bounds = [...new Set([0, ...cuts, events.length])].filter((at) => at <= events.length).sort((a, b) => a - b);
  for (const [n, from] of bounds.entries()) await apply(events.slice(from, bounds[n + 1] ?? events.length), from);
}

/** A batch of sends raises the version once, so that it depends on the batches. */
function withoutVersions(state: unknown): unknown {
  return JSON.parse(JSON.stringify(state, (key, value) => (key.toLowerCase().endsWith('version') ? undefined : value)));
}
