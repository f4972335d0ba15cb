import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import type { Selection } from '../../api/live/audiences.ts';
import { createChannelFeed, type FeedSource } from '../../api/live/channel-feed.ts';
import type { LiveSource, Positioned } from '../../api/live/live-source.ts';
import { createLiveStream, type LiveStream } from '../../api/live/live-stream.ts';
import { createTestAudiences } from '../support/audiences.ts';
import { readFrames } from '../support/frames.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';
import { createFakeOutbox } from '../support/outbox.ts';
import { createTestChannelSignals, headOf, signalOf } from '../support/signals.ts';

/** Long enough that a page is sent in several groups. */
const longText = 'x'.repeat(30_000);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const anyStep = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), isLong: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('edit' as const, 'remove' as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('join' as const), after: fc.nat(30), alone: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), which: fc.nat(), alone: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), turns: fc.integer({ min: 1, max: 6 }) }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;
const fates = fc.infiniteStream(fc.constantFrom<Fate>('deliver', 'deliver', 'deliver', 'lose', 'double', 'delay'));

interface Follower {
  after: number;
  received: Entry[];
  stop(): unknown;
}

test('nobody is handed a state that the feed knew to be replaced, and everybody gets each newest state', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 10, maxLength: 60 }),
      fates,
      fc.constantFrom(0, 70_000, 1_000_000),
      async (steps, fate, recentBytes) => {
        const simulation = await createSimulation(() => fate.next().value, recentBytes);
        for (const step of steps) await simulation.run(step);
        await simulation.settle();
        expect(simulation.outdated).toEqual([]);
        for (const follower of simulation.followers) expectComplete(follower, simulation.states);
        await simulation.stop();
      },
    ),
    { numRuns: 100 },
  );
});

test.each(['live', 'as a backlog'])(
  'a reply that is executed while its message is edited quotes the new text, %s',
  async (way) => {
    const simulation = await createSimulation(() => 'deliver', 1_000_000);
    const quotes: string[] = [];
    let executions = 0;
    const make = () => async (items: readonly unknown[]) => {
      const quoted = simulation.states.at(-1)?.text ?? '';
      if (executions++ === 0) await simulation.run({ kind: 'edit', which: 0 });
      return items.map(() => Buffer.from(JSON.stringify(quoted)));
    };
    const take = (frames: Buffer) => void quotes.push(...readFrames(frames).map((text) => JSON.parse(text).payload));
    const follow = (position: number) => {
      const stream = createLiveStream<Entry>(
        simulation.feed as LiveSource<Entry>,
        { position, judge: () => null },
        () => {},
      );
      const sink = {
        outbox: createFakeOutbox({ add: take, send: async (frames) => take(frames) }),
        idJson: '"1"',
        resultType: 'next' as const,
        cursor: null,
        viewer: null,
      };
      const quoting = { ...selection, key: 'quoting', make };
      return simulation.audiences.serve(stream as unknown as LiveStream<Positioned>, quoting, sink);
    };
    await simulation.run({ kind: 'send', isLong: false });
    if (way === 'live') follow(1);
    await simulation.run({ kind: 'send', isLong: false });
    if (way !== 'live') follow(1);
    await vi.waitFor(() => expect(quotes).toHaveLength(2));
    expect(quotes).toEqual(['edited', 'edited']);
    await simulation.stop();
  },
);

async function createSimulation(fateOf: () => Fate, recentBytes: number) {
  const states: Entry[] = [];
  const outdated: Entry[] = [];
  const followers: Follower[] = [];
  const pubsub = createLossyPubSub(fateOf);
  const logger = createTestLogger();
  const source = createDatabase(states);
  const channels = createTestChannelSignals(pubsub, {
    heads: async () => new Map([['c', headOf('c', states.length)]]),
  });
  const options = { channelId: 'c', channels, source, graceMs: 1, recentBytes, logger, onGapFilled: () => {} };
  const feed = createChannelFeed(options);
  const audiences = createTestAudiences();
  await feed.start();

  async function add(state: Entry): Promise<void> {
    states.push(state);
    await pubsub.publish('channel:c', signalOf('c', [state]));
  }

  const send = (text: string) => {
    const position = states.length + 1;
    const facts = { channelId: 'c', authorId: 'a', kind: 'TEXT', attachments: [], revision: 0 };
    return add({ ...facts, id: `m${position}`, seq: position, position, text } as unknown as Entry);
  };

  async function change(which: number, text: string): Promise<void> {
    const newest = newestOf(states);
    const changed = newest[which % Math.max(1, newest.length)];
    if (changed) await add({ ...changed, position: states.length + 1, text, revision: changed.revision + 1 });
  }

  function onHandOver(received: Entry[], entry: Entry): void {
    received.push(entry);
    const known = newestOf(states.slice(0, feed.last())).find(({ id }) => id === entry.id);
    if (known && known.position > entry.position) outdated.push(entry);
  }

  /** @param alone true: an iterator, as over HTTP; false: in an audience, as over a WebSocket */
  function join(after: number, alone: boolean): void {
    const received: Entry[] = [];
    const take = (frames: Buffer) => {
      for (const text of readFrames(frames)) onHandOver(received, JSON.parse(text).payload);
    };
    const slowly = async (frames: Buffer) => {
      take(frames);
      await turn();
    };
    const judge = (entry: Entry) => {
      if (alone) onHandOver(received, entry);
      return null;
    };
    const stream = createLiveStream<Entry>(feed as LiveSource<Entry>, { position: after, judge }, () => {});
    const sink = {
      outbox: createFakeOutbox({ add: take, send: slowly }),
      idJson: '"1"',
      resultType: 'next' as const,
      cursor: null,
      viewer: null,
    };
    const served = alone ? stream : audiences.serve(stream as unknown as LiveStream<Positioned>, selection, sink);
    followers.push({ after, received, stop: () => served.return() });
    void (async () => {
      for await (const _ of served) await turn();
    })();
  }

  async function run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'send':
        return send(step.isLong ? longText : 'short');
      case 'edit':
        return change(step.which, 'edited');
      case 'remove':
        return change(step.which, '');
      case 'join':
        return join(Math.min(step.after, states.length), step.alone);
      case 'resume': {
        const resumed = followers[step.which % Math.max(1, followers.length)];
        return join(resumed?.received.at(-1)?.position ?? 0, step.alone);
      }
      case 'wait':
        for (let n = 0; n < step.turns; n++) await turn();
        return;
      default:
        throw new Error(`unknown step ${JSON.stringify(step satisfies never)}`);
    }
  }

  return {
    states,
    feed,
    audiences,
    outdated,
    followers,
    run,
    /** Waits until every follower has the newest entry. */
    async settle(): Promise<void> {
      await send('last');
      pubsub.flush();
      feed.raise(states.length);
      await vi.waitFor(() => {
        for (const { received } of followers) expect(received.at(-1)?.position).toBe(states.length);
      });
    },
    async stop(): Promise<void> {
      for (const { stop } of followers) await stop();
      await feed.stop();
    },
  };
}

/** A database of these states, each at its position, which takes some turns for a read. */
function createDatabase(states: readonly Entry[]): FeedSource {
  return {
    async entriesAfter(_channelId, position, limit) {
      await turn();
      const head = states.length;
      const entries = newestOf(states)
        .filter((entry) => entry.position > position)
        .slice(0, limit);
      await turn();
      const more = entries.length === limit;
      return { entries, more, through: more ? (entries.at(-1)?.position ?? head) : head };
    },
  };
}

/** A selection of whole entries, during which other changes may come in. */
const selection: Selection = {
  key: 'all',
  client: 'ada',
  points: 20,
  make: () => async (items) => {
    await turn();
    return items.map((item) => Buffer.from(JSON.stringify(item)));
  },
};

/** Returns the newest state of each entry, in order of position. */
function newestOf(states: readonly Entry[]): Entry[] {
  const newest = new Map(states.map((state) => [state.id, state]));
  return [...newest.values()].sort((a, b) => a.position - b.position);
}

/** Checks that positions increase strictly, and that the newest state of each entry that changed since was received. */
function expectComplete({ after, received }: Follower, states: readonly Entry[]): void {
  const positions = received.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  const expected = newestOf(states).filter(({ position }) => position > after);
  expect(received).toEqual(expect.arrayContaining(expected));
}
