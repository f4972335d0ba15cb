import { setTimeout as delay } from 'node:timers/promises';
import type { Viewer } from '../../api/domain/auth.ts';
import { createBlocks } from '../../api/domain/blocks.ts';
import type { LiveUpdate, UpdateConsumer } from '../../api/domain/updates/live-update.ts';
import { createLiveUpdates } from '../../api/domain/updates/live-updates.ts';
import { encodeUpdateCursor } from '../../api/domain/updates/update-cursor.ts';
import type { UpdateSubscription } from '../../api/domain/updates/update-subscription.ts';
import { createUpdates } from '../../api/domain/updates/updates.ts';
import type { Entry } from '../../api/events.ts';
import { ignore } from '../../api/ignore.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createFeedSource } from '../../api/live/feed-source.ts';
import { createFeeds } from '../../api/live/feeds.ts';
import { cursorPlaceholder } from '../../api/live/result-frames.ts';
import { createTestAudiences } from './audiences.ts';
import type { TestDatabase } from './database.ts';
import { readFrames } from './frames.ts';
import { createTestLogger } from './logger.ts';
import { createFakeOutbox } from './outbox.ts';
import { createTestChannelSignals, createTestUserSignals } from './signals.ts';

/** How a client takes its updates: from an iterator, or from shared frames as over a WebSocket. */
export type Taking = 'pull' | 'push';

/** The part of a gateway that serves `updates`, with short times. */
export async function openUpdatesGateway(database: TestDatabase, pubsub: PubSub, { maxReplay }: { maxReplay: number }) {
  const logger = createTestLogger();
  const source = createFeedSource(database);
  const channels = createTestChannelSignals(pubsub, source, { awayMs: 20 });
  const userSignals = createTestUserSignals(pubsub, { awayMs: 20 });
  const feeds = createFeeds({ channels, source, logger, onGapFilled: ignore, graceMs: 1, lingerMs: 20 });
  const blocks = createBlocks({ database, pubsub, userSignals, logger });
  const guard = { isCaughtUp: async () => true, caughtUpMs: 0 };
  const backlog = createUpdates({
    database,
    tickets: { find: async (userIds) => userIds.map(() => null) },
    logName: 'embedded',
    guard,
    maxReplay,
    cursorDays: 30,
  });
  const times = { caughtUpMs: 50, idleMs: 30, settleMs: 20, sweepMs: 2, roundsMs: 2, retryMs: 10 };
  const live = createLiveUpdates({ database, channels, userSignals, feeds, blocks, backlog, ...times, logger });
  const audiences = createTestAudiences();
  const selection = { key: 'all', client: 'ada', points: 1, hasCursor: true, make: () => execute };
  let isDelayed = false;
  let goOn = ignore;
  let delayed = Promise.resolve();
  await Promise.all([channels.start(), userSignals.start()]);
  await live.start();

  return {
    live,
    blocks,
    /** Numbers of followed channels and users, and of open feeds. */
    followed: () => ({ channels: channels.size(), users: userSignals.size(), feeds: feeds.size() }),
    /** Whether signals may be missing at the moment. */
    mayMiss: () => channels.mayMiss() || userSignals.mayMiss(),
    /** Lets executions of messages wait, or go on. */
    delayExecutions(isOn: boolean): void {
      isDelayed = isOn;
      goOn();
      if (!isOn) return;
      delayed = new Promise((resolve) => {
        goOn = resolve;
      });
    },
    /**
     * Follows everything that concerns a user.
     * @param take called with one update after another; the next one waits until it resolves
     * @returns a function that ends the stream
     */
    async follow(userId: string, after: string | null, given: { taking: Taking; take: Take }): Promise<Following> {
      const subscription = await live.follow({ userId } as Viewer, { after });
      return given.taking === 'pull' ? pull(subscription, given.take) : push(subscription, given.take);
    },
    async stop(): Promise<void> {
      live.stop();
      feeds.stop();
      await Promise.all([channels.stop(), userSignals.stop()]);
    },
  };

  /** The payload of each message is its update, with a place for the cursor. */
  async function execute(items: readonly unknown[]): Promise<Buffer[]> {
    const entries = items as readonly Entry[];
    // Some executions take longer than signals need to settle.
    if (isDelayed) await delayed;
    else if (entries.some(({ position }) => position % 4 === 0)) await delay(40);
    return entries.map((entry) => {
      const update = { event: { type: 'message', entry }, cursor: cursorPlaceholder } as const;
      return Buffer.from(JSON.stringify(update satisfies LiveUpdate));
    });
  }

  function push(subscription: UpdateSubscription, take: Take): Following {
    let taking = Promise.resolve();
    const add = (updates: readonly LiveUpdate[]) => {
      for (const update of updates) taking = taking.then(() => take(update));
    };
    const takeFrames = (frames: Buffer) =>
      add(readFrames(frames).map((text) => JSON.parse(text).payload as LiveUpdate));
    const outbox = createFakeOutbox({ add: takeFrames, send: async (frames) => takeFrames(frames) });
    const sink = { outbox, idJson: '"1"', resultType: 'next' as const, viewer: null, cursor: subscription.cursor };
    const consumer: UpdateConsumer = {
      attach: (feed, reader, onEnd) => audiences.attach({ source: feed, reader }, selection, { sink, onEnd }),
      async page(updates) {
        add(updates.map(({ event, cursor }) => ({ event, cursor: encodeUpdateCursor(cursor) })));
        await taking;
      },
      async tell(events) {
        add(events.map((event) => ({ event, cursor: subscription.cursor.text() })));
      },
    };
    const served = subscription.serve(consumer, ignore);
    const ended = served.next().then(
      () => null,
      (error: Error) => error,
    );
    return {
      ended,
      async stop() {
        await served.return();
        await taking;
      },
    };
  }
}

type Take = (update: LiveUpdate) => Promise<void>;

/** A stream that a client follows. */
export interface Following {
  /** Resolves when the stream ends, with its error. */
  ended: Promise<Error | null>;
  /** Ends the stream. Resolves once everything that it delivered is taken. */
  stop(): Promise<void>;
}

function pull(subscription: UpdateSubscription, take: Take): Following {
  const ended = (async () => {
    for await (const update of subscription) if (update.isCurrent?.() ?? true) await take(update);
    return null;
  })().catch((error: Error) => error);
  return {
    ended,
    async stop() {
      await subscription.return();
      await ended;
    },
  };
}
