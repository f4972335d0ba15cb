import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createBridge } from '../../api/bridge/bridge.ts';
import { createAccess } from '../../api/domain/access.ts';
import type { BlockList } from '../../api/domain/blocks.ts';
import { createHistory } from '../../api/domain/history.ts';
import { createMessageAccess } from '../../api/domain/message-access.ts';
import { createMessages } from '../../api/domain/messages.ts';
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { noSecurityLog } from '../../api/domain/security-log.ts';
import { encodeEvent } from '../../api/event-records.ts';
import type { Entry, NewEvent } from '../../api/events.ts';
import { type Database, DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import type { Bounds, EventLog, LogState, StoredRecord } from '../../api/infra/event-log/event-log.ts';
import type { Selection } from '../../api/live/audiences.ts';
import type { FeedSource } from '../../api/live/channel-feed.ts';
import type { HeadSource } from '../../api/live/channel-signals.ts';
import { createFeedSource } from '../../api/live/feed-source.ts';
import { createFeeds } from '../../api/live/feeds.ts';
import type { Positioned } from '../../api/live/live-source.ts';
import type { LiveStream } from '../../api/live/live-stream.ts';
import type { Outbox } from '../../api/live/outbox/outboxes.ts';
import { createTestAudiences } from '../support/audiences.ts';
import { noBridgeMetrics } from '../support/bridge-metrics.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { base, eventMaker, factsOf, idOf, opened, room } from '../support/events.ts';
import { readFrames } from '../support/frames.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';
import { createFakeOutbox } from '../support/outbox.ts';
import { createTestChannelSignals } from '../support/signals.ts';

let tested: TestDatabase;
let reference: TestDatabase;
beforeAll(async () => {
  reference = await openDatabase('PGlite');
  return () => reference.stop();
});

const viewer = {
  userId: idOf('owner'),
  sessionId: idOf('session'),
  name: 'owner',
  createdAt: factsOf('owner').createdAt,
  expiresAt: 0,
};
const maxReplay = 1_000;
const fates = fc.infiniteStream(fc.constantFrom<Fate>('deliver', 'deliver', 'deliver', 'lose', 'double', 'delay'));

/** A random step. Two bridges both own the partition, and each continues from its own position. */
const anyStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), make: eventMaker }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('appendAgain' as const), back: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('handle' as const),
      bridges: fc.constantFrom([0], [1], [0, 1]),
      size: fc.integer({ min: 1, max: 6 }),
      crash: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('redeliver' as const), bridge: fc.nat(1), back: fc.nat(6) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('skipAhead' as const),
      bridge: fc.nat(1),
      by: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('follow' as const),
      after: fc.option(fc.integer({ min: 0, max: 30 })),
      alone: fc.boolean(),
      blocked: fc.option(fc.constantFrom('ada' as const, 'bob' as const)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('reconnect' as const), back: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unfollow' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('check' as const) }) },
);

describe.each([
  { kind: 'PGlite', numRuns: 100 },
  { kind: 'PostgreSQL', numRuns: 40 },
] as const)('over $kind', ({ kind, numRuns }) => {
  beforeAll(async () => {
    tested = await openDatabase(kind);
    return () => tested.stop();
  });

  test('every subscriber gets every change once and in order, and every event is applied once, whichever messages are lost, doubled or reordered and whichever bridge crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 50 }), fates, async (steps, fate) => {
        const simulation = await createSimulation(() => fate.next().value);
        for (const step of steps) await simulation.run(step);
        await simulation.settle();
        const states = await replay(simulation.events);
        expect(await contents(tested)).toEqual(await contents(reference));
        for (const follower of simulation.followers) expectComplete(follower, states);
        await simulation.stop();
      }),
      { numRuns },
    );
  });
});

type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;

interface Follower {
  after: number;
  /** True for a subscriber of an audience, false for an iterator. */
  isShared: boolean;
  /** The author whom this follower blocks. */
  blocked: string | null;
  received: Entry[];
  stop(): unknown;
}

async function createSimulation(fateOf: () => Fate) {
  await tested.empty();
  let losesAll = false;
  const pubsub = createLossyPubSub(() => (losesAll ? 'lose' : fateOf()));
  const logger = createTestLogger();
  const source = withSmallPages(createFeedSource(tested));
  const channels = createTestChannelSignals(pubsub, source);
  const feeds = createFeeds({
    channels,
    source,
    graceMs: 1,
    lingerMs: 5,
    recentBytes: 2_000,
    logger,
    onGapFilled: () => {},
  });
  await channels.start();
  const access = createAccess(tested, { isCaughtUp: async () => true, caughtUpMs: 0 });
  const messages = createMessages({
    submit: async () => null,
    history: createHistory({ database: tested, maxReplay }),
    readAround: async () => [],
    access,
    messageAccess: createMessageAccess({ database: tested, access }),
    watchReading: () => expect.fail('nobody needs a watch'),
    feeds,
    blocks: { acquire: async () => blockListOf(blocking) },
    findAttachable: async () => [],
    checkMentions: async () => [],
    rateLimits: noRateLimits,
    securityLog: noSecurityLog,
    activity: { sent: () => {} },
    maxMessageBytes: 4096,
    maxDataBytes: 4096,
    maxReplay,
  });
  const audiences = createTestAudiences();
  const events: NewEvent[] = [];
  const followers: Follower[] = [];
  let blocking: string | null = null;
  let crashes = false;
  const database: Database = {
    ...tested,
    transaction: (work) =>
      tested.transaction(async (query) => {
        const result = await work(query);
        if (crashes) throw new DatabaseUnavailableError('killed before the commit');
        return result;
      }),
  };
  const log: EventLog = {
    name: 'simulation',
    partitions: vi.fn(),
    describe: vi.fn(),
    partitionOf: vi.fn(),
    append: vi.fn(),
    consume: vi.fn(),
    deadLetter: vi.fn(),
    ready: vi.fn(),
    stop: vi.fn(),
  };
  const bridges = [0, 1].map(() => createBridge({ log, database, pubsub, metrics: noBridgeMetrics, logger }));
  const positions = [0n, 0n];

  const append = (event: NewEvent) => void events.push(event);
  const headOfRoom = async () => (await source.heads([room])).get(room)?.position ?? 0;

  async function handle(n: number, size: number): Promise<void> {
    const from = positions[n] ?? 0n;
    const records = events
      .slice(Number(from), Number(from) + size)
      .map((event, i): StoredRecord => ({ ...encodeEvent(event), offset: from + BigInt(i) }));
    if (records.length > 0) positions[n] = (await bridges[n]?.handle({ partition: 0, records })) ?? 0n;
  }

  /** @param alone true: by an iterator, as over HTTP; false: in an audience, as over a WebSocket */
  async function follow(after: number | null, alone: boolean, blocked: string | null = null): Promise<void> {
    blocking = blocked;
    const stream = await messages.follow(viewer, room, after).catch(() => null);
    if (stream === null) return;
    const head = await headOfRoom();
    const received: Entry[] = [];
    const sink = {
      outbox: createReadingOutbox(received),
      idJson: '"1"',
      resultType: 'next' as const,
      cursor: null,
      viewer: null,
    };
    const served = alone ? stream : audiences.serve(stream as LiveStream<Positioned>, selection, sink);
    followers.push({ after: after ?? head, isShared: !alone, blocked, received, stop: () => served.return?.() });
    void (async () => {
      for await (const entry of served) received.push(entry);
    })();
  }

  /** Stops a follower. It is not checked at the end. */
  async function unfollow(which: number): Promise<void> {
    const [gone] = followers.splice(which % Math.max(1, followers.length), 1);
    await gone?.stop();
  }

  /**
   * Stops the audience's followers, loses the messages of the next changes, then starts a new and a resumed follower.
   */
  async function reconnect(back: number): Promise<void> {
    const newest = Math.max(0, ...followers.map(({ received }) => received.at(-1)?.position ?? 0));
    for (let n = followers.length - 1; n >= 0; n--) if (followers[n]?.isShared) await unfollow(n);
    losesAll = true;
    await handle(0, 6).catch(() => {});
    losesAll = false;
    await follow(null, false);
    await follow(Math.max(0, newest - back), false);
  }

  async function run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
        return append(step.make());
      case 'appendAgain':
        return append(events[Math.max(0, events.length - 1 - step.back)] ?? opened());
      case 'handle':
        crashes = step.crash;
        await Promise.all(step.bridges.map((n) => handle(n, step.size).catch(() => {})));
        crashes = false;
        return;
      case 'redeliver':
        positions[step.bridge] = BigInt(Math.max(0, Number(positions[step.bridge]) - step.back));
        return;
      case 'skipAhead':
        positions[step.bridge] = BigInt(Math.min(events.length, Number(positions[step.bridge]) + step.by));
        return;
      case 'follow':
        return follow(step.after, step.alone, step.blocked && idOf(step.blocked));
      case 'reconnect':
        return reconnect(step.back);
      case 'unfollow':
        return unfollow(step.which);
      case 'check':
        await channels.check();
        return;
      default:
        throw new Error(`unknown step ${JSON.stringify(step satisfies never)}`);
    }
  }

  await bridges[0]?.assigned(0, stateOf(null));
  append(opened());
  await handle(0, 1);
  await follow(0, true);
  await follow(0, false);

  return {
    events,
    followers,
    run,
    /** Lets a bridge take over the partition, and waits until every follower has the channel's head. */
    async settle(): Promise<void> {
      append(lastEvent());
      positions[0] = (await bridges[0]?.assigned(0, stateOf({ begin: 0n, end: BigInt(events.length) }))) ?? 0n;
      while ((positions[0] ?? 0n) < BigInt(events.length)) await handle(0, 4);
      pubsub.flush();
      await channels.check();
      const head = await headOfRoom();
      await vi.waitFor(() => {
        for (const { received } of followers) expect(received.at(-1)?.position).toBe(head);
      });
    },
    async stop(): Promise<void> {
      for (const { stop } of followers) await stop();
      await feeds.stop();
      await channels.stop();
    },
  };
}

/** Limits pages to a few entries, so that short histories take several pages. */
function withSmallPages(source: FeedSource & HeadSource): FeedSource & HeadSource {
  const entriesAfter: FeedSource['entriesAfter'] = (channelId, position, limit) =>
    source.entriesAfter(channelId, position, Math.min(limit, 5));
  return { ...source, entriesAfter };
}

/** A message of an author whom nobody blocks, so that every follower gets it. */
function lastEvent(): NewEvent {
  const said = { messageId: idOf('the last'), clientId: 'the last', text: '', replyToId: null, attachments: [] };
  return { ...base('owner'), type: 'MessageSent', ...said };
}

function blockListOf(blocked: string | null): BlockList {
  return { has: (userId) => userId === blocked, release: () => {} };
}

/** A selection of whole entries, as JSON. */
const selection: Selection = {
  key: 'all',
  client: 'ada',
  points: 20,
  make: () => async (items) => items.map((item) => Buffer.from(JSON.stringify(item))),
};

/** An outbox whose peer decodes entries. */
function createReadingOutbox(received: Entry[]): Outbox {
  const take = (frames: Buffer) => {
    for (const text of readFrames(frames)) received.push(JSON.parse(text).payload);
  };
  return createFakeOutbox({ add: take, send: async (frames) => take(frames) });
}

/** Applies the events one after another, and returns every state of every entry by its position. */
async function replay(events: readonly NewEvent[]): Promise<Map<number, Entry>> {
  await reference.empty();
  const states = new Map<number, Entry>();
  const pubsub = createLossyPubSub(() => 'deliver');
  await pubsub.subscribe(`channel:${room}`, ({ entries }) => {
    for (const entry of entries) states.set(entry.position, entry);
  });
  const log: EventLog = {
    name: 'simulation',
    partitions: vi.fn(),
    describe: vi.fn(),
    partitionOf: vi.fn(),
    append: vi.fn(),
    consume: vi.fn(),
    deadLetter: vi.fn(),
    ready: vi.fn(),
    stop: vi.fn(),
  };
  const bridge = createBridge({
    log,
    database: reference,
    pubsub,
    metrics: noBridgeMetrics,
    logger: createTestLogger(),
  });
  await bridge.assigned(0, stateOf(null));
  for (const [n, event] of events.entries())
    await bridge.handle({ partition: 0, records: [{ ...encodeEvent(event), offset: BigInt(n) }] });
  return states;
}

/** Returns the state of the simulated log. */
function stateOf(bounds: Bounds | null): LogState {
  return { id: 'simulation', partitions: 1, bounds };
}

async function contents({ query }: TestDatabase) {
  return {
    channels: await query(
      'SELECT id, name, closed_at, seq, position, member_count, last_activity_at FROM channel ORDER BY id',
    ),
    members: await query('SELECT * FROM member ORDER BY channel_id, user_id'),
    entries: await query('SELECT * FROM entry ORDER BY position'),
    outcomes: await query('SELECT event_id, body FROM outcome ORDER BY event_id'),
    positions: await query('SELECT partition, next_offset, last_offset, last_record FROM log_position'),
  };
}

/**
 * Checks that a follower received every entry that changed since, except those of the author it blocks: in order of
 * position, each position once, each entry at least in its newest state, and nothing that was never stored.
 */
function expectComplete({ after, blocked, received }: Follower, states: ReadonlyMap<number, Entry>): void {
  const positions = received.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  for (const entry of received) expect(entry).toEqual(states.get(entry.position));
  const newest = new Map([...states.values()].map((entry) => [entry.id, entry]));
  const expected = [...newest.values()].filter(({ position, authorId }) => position > after && authorId !== blocked);
  expect(received.filter(({ authorId }) => authorId === blocked)).toEqual([]);
  expect(received).toEqual(expect.arrayContaining(expected));
}
