import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createBridge } from '../../api/bridge/bridge.ts';
import type { HeldBlocks } from '../../api/domain/blocks.ts';
import { createMessages } from '../../api/domain/messages.ts';
import { unlimited } from '../../api/domain/rate-limits.ts';
import { type ChannelEvent, type Entry, encodeEvent } from '../../api/events.ts';
import { type Database, DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import type { EventLog, StoredRecord } from '../../api/infra/event-log/event-log.ts';
import { createAudiences, type Selection } from '../../api/live/audiences.ts';
import { createFeedSource } from '../../api/live/feed-source.ts';
import { createFeeds, type FeedsSource } from '../../api/live/feeds.ts';
import { createHeads } from '../../api/live/heads.ts';
import type { Positioned } from '../../api/live/live-source.ts';
import type { LiveStream } from '../../api/live/live-stream.ts';
import type { Outbox } from '../../api/live/outbox/outboxes.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { base, eventMaker, factsOf, idOf, opened, room } from '../support/events.ts';
import { readFrames } from '../support/frames.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';
import { createFakeOutbox } from '../support/outbox.ts';

let stormy: TestDatabase;
let calm: TestDatabase;
beforeAll(async () => {
  calm = await openDatabase('PGlite');
  return () => calm.stop();
});

const viewer = {
  userId: idOf('owner'),
  sessionId: idOf('session'),
  name: 'owner',
  createdAt: factsOf('owner').createdAt,
  expiresAt: 0,
};
const metrics = { applied: () => {}, deadLettered: () => {}, publishFailed: () => {} };
const fates = fc.infiniteStream(fc.constantFrom<Fate>('deliver', 'deliver', 'deliver', 'lose', 'double', 'delay'));

/** What may happen next. Two bridges believe to hold the partition; each goes on from where it believes to be. */
const step = fc.oneof(
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
    arbitrary: fc.record({ kind: fc.constant('comeBack' as const), back: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unfollow' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('check' as const) }) },
);

describe.each([
  { kind: 'PGlite', numRuns: 100 },
  { kind: 'PostgreSQL', numRuns: 40 },
] as const)('over $kind', ({ kind, numRuns }) => {
  beforeAll(async () => {
    stormy = await openDatabase(kind);
    return () => stormy.stop();
  });

  test('whatever is lost, doubled, reordered or crashes, every subscriber gets every change once and in order, and the database is as if every event had been applied once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), fates, async (steps, fate) => {
        const storm = await createStorm(() => fate.next().value);
        for (const one of steps) await storm.take(one);
        await storm.settle();
        const truth = await replay(storm.events);
        expect(await contents(stormy)).toEqual(await contents(calm));
        for (const follower of storm.followers) expectWhole(follower, truth);
        await storm.stop();
      }),
      { numRuns },
    );
  }, 120_000);
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Follower {
  after: number;
  /** Among an audience. */
  isShared: boolean;
  /** Whose messages are left out. */
  blocked: string | null;
  received: Entry[];
  stop(): unknown;
}

async function createStorm(fateOf: () => Fate) {
  await stormy.empty();
  let isSilent = false;
  const pubsub = createLossyPubSub(() => (isSilent ? 'lose' : fateOf()));
  const logger = createTestLogger();
  const heads = createHeads({ pubsub, checkMs: 1e6, awayCheckMs: 1e6 });
  const source = withSmallPages(createFeedSource(stormy));
  const feeds = createFeeds({
    pubsub,
    heads,
    source,
    graceMs: 1,
    lingerMs: 5,
    ringBytes: 2_000,
    logger,
    onGapFilled: () => {},
  });
  await heads.start();
  feeds.start();
  const messages = createMessages({
    database: stormy,
    submit: async () => null,
    feeds,
    blocks: { hold: async () => holdBlock(blocking) },
    toAttach: async () => [],
    maxAttachments: 10,
    sendRate: unlimited,
    maxMessageBytes: 4096,
    maxReplay: 1_000,
  });
  const audiences = createAudiences({ metrics: { executed: () => {}, delivered: () => {} } });
  const events: ChannelEvent[] = [];
  const followers: Follower[] = [];
  let blocking: string | null = null;
  let crashing = false;
  const database: Database = {
    ...stormy,
    transaction: (work) =>
      stormy.transaction(async (query) => {
        const result = await work(query);
        if (crashing) throw new DatabaseUnavailableError('killed before the commit');
        return result;
      }),
  };
  const log: EventLog = {
    name: 'storm',
    append: vi.fn(),
    consume: vi.fn(),
    deadLetter: vi.fn(),
    ready: vi.fn(),
    stop: vi.fn(),
  };
  const bridges = [0, 1].map(() => createBridge({ log, database, pubsub, metrics, logger }));
  const positions = [0n, 0n];

  const append = (event: ChannelEvent) => void events.push(event);

  async function handle(n: number, size: number): Promise<void> {
    const from = positions[n] ?? 0n;
    const records = events
      .slice(Number(from), Number(from) + size)
      .map((event, i): StoredRecord => ({ ...encodeEvent(event), offset: from + BigInt(i) }));
    if (records.length > 0) positions[n] = (await bridges[n]?.handle({ partition: 0, records })) ?? 0n;
  }

  /** @param alone by an iterator, as over HTTP, or else among an audience, as over a WebSocket */
  async function follow(after: number | null, alone: boolean, blocked: string | null = null): Promise<void> {
    blocking = blocked;
    const stream = await messages.follow(viewer, room, after).catch(() => null);
    if (stream === null) return;
    const head = await source.head(room);
    const received: Entry[] = [];
    const sink = { outbox: createReadingOutbox(received), idJson: '"1"', viewer: null };
    const served = alone ? stream : audiences.serve(stream as LiveStream<Positioned>, selection, sink);
    followers.push({ after: after ?? head, isShared: !alone, blocked, received, stop: () => served.return?.() });
    void (async () => {
      for await (const entry of served) received.push(entry);
    })();
  }

  /** Somebody who follows goes: what that one has got is left as it is. */
  async function unfollow(which: number): Promise<void> {
    const [gone] = followers.splice(which % Math.max(1, followers.length), 1);
    await gone?.stop();
  }

  /** All who share an audience go; what happens then is heard of by nobody; one begins there, and one resumes. */
  async function comeBack(back: number): Promise<void> {
    const newest = Math.max(0, ...followers.map(({ received }) => received.at(-1)?.position ?? 0));
    for (let n = followers.length - 1; n >= 0; n--) if (followers[n]?.isShared) await unfollow(n);
    isSilent = true;
    await handle(0, 6).catch(() => {});
    isSilent = false;
    await follow(null, false);
    await follow(Math.max(0, newest - back), false);
  }

  async function take(one: Step): Promise<void> {
    switch (one.kind) {
      case 'append':
        return append(one.make());
      case 'appendAgain':
        return append(events[Math.max(0, events.length - 1 - one.back)] ?? opened());
      case 'handle':
        crashing = one.crash;
        await Promise.all(one.bridges.map((n) => handle(n, one.size).catch(() => {})));
        crashing = false;
        return;
      case 'redeliver':
        positions[one.bridge] = BigInt(Math.max(0, Number(positions[one.bridge]) - one.back));
        return;
      case 'skipAhead':
        positions[one.bridge] = BigInt(Math.min(events.length, Number(positions[one.bridge]) + one.by));
        return;
      case 'follow':
        return follow(one.after, one.alone, one.blocked && idOf(one.blocked));
      case 'comeBack':
        return comeBack(one.back);
      case 'unfollow':
        return unfollow(one.which);
      case 'check':
        await heads.check();
        return;
      default:
        throw new Error(`unknown step ${JSON.stringify(one satisfies never)}`);
    }
  }

  await bridges[0]?.assigned(0, null);
  append(opened());
  await handle(0, 1);
  await follow(0, true);
  await follow(0, false);

  return {
    events,
    followers,
    take,
    /** Lets a bridge take the partition over, and waits until everybody who follows has heard of everything. */
    async settle(): Promise<void> {
      append(theLast());
      positions[0] = (await bridges[0]?.assigned(0, { begin: 0n, end: BigInt(events.length) })) ?? 0n;
      while ((positions[0] ?? 0n) < BigInt(events.length)) await handle(0, 4);
      pubsub.flush();
      await heads.check();
      const head = await source.head(room);
      await vi.waitFor(() => {
        for (const { received } of followers) expect(received.at(-1)?.position).toBe(head);
      });
    },
    async stop(): Promise<void> {
      for (const { stop } of followers) await stop();
      await feeds.stop();
      await heads.stop();
    },
  };
}

/** Answers that are soon full, so that few entries take several. */
function withSmallPages(source: FeedsSource): FeedsSource {
  const entriesAfter: FeedsSource['entriesAfter'] = (channelId, position, most) =>
    source.entriesAfter(channelId, position, Math.min(most, 5));
  return { ...source, entriesAfter };
}

/** What nobody has blocked, so that everybody gets it. */
function theLast(): ChannelEvent {
  const said = { messageId: idOf('the last'), clientId: 'the last', text: '', replyToId: null, attachments: [] };
  return { ...base('owner'), type: 'MessageSent', ...said };
}

function holdBlock(blocked: string | null): HeldBlocks {
  return { has: (userId) => userId === blocked, release: () => {} };
}

/** What everybody in an audience gets: entries as JSON. */
const selection: Selection = {
  key: 'all',
  make: () => async (items) => items.map((item) => Buffer.from(JSON.stringify(item))),
};

/** An outbox whose peer reads entries. */
function createReadingOutbox(received: Entry[]): Outbox {
  const take = (frames: Buffer) => {
    for (const text of readFrames(frames)) received.push(JSON.parse(text).payload);
  };
  return createFakeOutbox({ add: take, send: async (frames) => take(frames) });
}

/** Applies the events one after another, and keeps every state that an entry was in. */
async function replay(events: readonly ChannelEvent[]): Promise<Map<number, Entry>> {
  await calm.empty();
  const truth = new Map<number, Entry>();
  const pubsub = createLossyPubSub(() => 'deliver');
  await pubsub.subscribe(`channel:${room}`, (entries) => {
    for (const entry of entries) truth.set(entry.position, entry);
  });
  const log: EventLog = {
    name: 'storm',
    append: vi.fn(),
    consume: vi.fn(),
    deadLetter: vi.fn(),
    ready: vi.fn(),
    stop: vi.fn(),
  };
  const bridge = createBridge({ log, database: calm, pubsub, metrics, logger: createTestLogger() });
  await bridge.assigned(0, null);
  for (const [n, event] of events.entries())
    await bridge.handle({ partition: 0, records: [{ ...encodeEvent(event), offset: BigInt(n) }] });
  return truth;
}

async function contents({ query }: TestDatabase) {
  return {
    channels: await query(
      'SELECT id, name, closed_at, seq, position, member_count, last_activity_at FROM channel ORDER BY id',
    ),
    members: await query('SELECT * FROM member ORDER BY channel_id, user_id'),
    entries: await query('SELECT * FROM entry ORDER BY position'),
    outcomes: await query('SELECT event_id, body FROM outcome ORDER BY event_id'),
    positions: await query('SELECT * FROM log_position'),
  };
}

/**
 * Promise 4: everything that changed since, at least in its newest state, in order, no position twice, nothing made up, but
 * for what somebody wrote whom the reader has blocked.
 */
function expectWhole({ after, blocked, received }: Follower, truth: ReadonlyMap<number, Entry>): void {
  const positions = received.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  for (const entry of received) expect(entry).toEqual(truth.get(entry.position));
  const newest = new Map([...truth.values()].map((entry) => [entry.id, entry]));
  const wanted = [...newest.values()].filter(({ position, authorId }) => position > after && authorId !== blocked);
  expect(received.filter(({ authorId }) => authorId === blocked)).toEqual([]);
  expect(received).toEqual(expect.arrayContaining(wanted));
}
