import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { createAnnouncement } from '../api/bridge/announcement.ts';
import { createBridge } from '../api/bridge/bridge.ts';
import { createPresence } from '../api/domain/presence.ts';
import { createStreams } from '../api/gateway/graphql/http-streams.ts';
import { createMemoryEventLog } from '../api/infra/event-log/memory.ts';
import { createChannelFeed } from '../api/live/channel-feed.ts';
import { createCheckLoop } from '../api/live/check-loop.ts';
import { createEmptyStream } from '../api/live/stream.ts';
import { noBridgeMetrics } from './support/bridge-metrics.ts';
import { gate } from './support/contested-row.ts';
import { createTestLogger } from './support/logger.ts';
import { createLossyPubSub } from './support/lossy-pubsub.ts';
import { createTestChannelSignals } from './support/signals.ts';

/*
 * Stops that come while a part waits for something else. Nothing may begin, and nothing may be left, after its end.
 */

const logger = createTestLogger();
const pubsub = createLossyPubSub(() => 'deliver');

/** A database whose statements wait at a gate, and that records them. */
function createHeldDatabase() {
  const { pass, passed } = gate();
  const statements: string[] = [];
  const query = async ({ text }: { text: string }) => {
    await passed;
    statements.push(text.trim().split(' ')[0] ?? '');
    return [];
  };
  return { pass, statements, database: { query } as never };
}

test('a bridge that stops while it announces itself removes its row and consumes nothing', async () => {
  const { pass, statements, database } = createHeldDatabase();
  const log = createMemoryEventLog({ logger });
  const consume = vi.spyOn(log, 'consume');
  const bridge = createBridge({ log, database, pubsub, metrics: noBridgeMetrics, logger });
  const started = bridge.start();
  const stopped = bridge.stop();
  pass();
  await Promise.all([started, stopped]);
  expect(consume).not.toHaveBeenCalled();
  expect(statements.at(0)).toBe('INSERT');
  expect(statements.at(-1)).toMatch(/DELETE|WITH/);
});

test('an announcement that is stopped while it starts sets no timer', async () => {
  const { pass, database } = createHeldDatabase();
  const setTimer = vi.spyOn(globalThis, 'setInterval');
  const announcement = createAnnouncement({ database, id: 'b', log: 'l', wireVersion: 1, logger });
  const ended = Promise.all([announcement.start(), announcement.stop()]);
  pass();
  await ended;
  expect(setTimer).not.toHaveBeenCalled();
  setTimer.mockRestore();
});

test('a bridge that stops while it begins to consume ends the consumption', async () => {
  const { pass, passed } = gate();
  const stop = vi.fn(async () => {});
  const consume = vi.fn(async () => {
    await passed;
    return { stop };
  });
  const log = { ...createMemoryEventLog({ logger }), consume };
  const database = { query: async () => [] } as never;
  const bridge = createBridge({ log, database, pubsub, metrics: noBridgeMetrics, logger });
  const started = bridge.start();
  await vi.waitFor(() => expect(consume).toHaveBeenCalled());
  await bridge.stop();
  pass();
  await started;
  expect(stop).toHaveBeenCalledOnce();
});

test('a log in memory that stops while its consumer is being assigned ends it', async () => {
  const log = createMemoryEventLog({ logger });
  const { pass, passed } = gate();
  const handle = vi.fn(async () => 1n);
  await log.consume({ assigned: () => passed.then(() => 0n), handle });
  const stopped = log.stop();
  pass();
  await stopped;
  expect(handle).not.toHaveBeenCalled();
});

test('a feed that stops while it subscribes leaves no subscription', async () => {
  const { pass, passed } = gate();
  const unsubscribe = vi.fn(async () => {});
  const subscribe = async () => {
    await passed;
    return unsubscribe;
  };
  const source = { entriesAfter: async () => ({ entries: [], through: 0, more: false }) };
  const channels = createTestChannelSignals({ ...pubsub, subscribe }, { heads: async () => new Map() });
  const options = { channelId: 'c', channels, source, logger, onGapFilled: () => {} };
  const feed = createChannelFeed(options);
  const started = feed.start();
  await feed.stop();
  pass();
  await started;
  expect(unsubscribe).toHaveBeenCalledOnce();
});

test('a check loop that has stopped checks nothing, even if it is asked', async () => {
  const check = vi.fn(async () => {});
  const loop = createCheckLoop({ subject: 'things', check, checkMs: 1_000, pubsub, logger });
  loop.start();
  await loop.stop();
  await loop.check();
  expect(check).not.toHaveBeenCalled();
});

test('presence ends the leases after a renewal that is under way', async () => {
  const { pass, passed } = gate();
  const calls: string[] = [];
  const port = {
    async renew() {
      calls.push('renewing');
      await passed;
      calls.push('renew');
      return { online: [], offline: [] };
    },
    async end() {
      calls.push('end');
      return [];
    },
    online: async () => new Set<string>(),
    seen: async () => {},
    away: async () => new Map<string, number>(),
  };
  const database = { query: async () => [] };
  const presence = createPresence({
    presence: port,
    database,
    pubsub,
    nodeId: 'n',
    leaseMs: 1e6,
    onChange: async () => {},
    logger,
  });
  presence.connected('user');
  await vi.waitFor(() => expect(calls).toEqual(['renewing']));
  const stopped = presence.stop();
  pass();
  await stopped;
  expect(calls).toEqual(['renewing', 'renew', 'end']);
});

test('a stream over HTTP that opens while the gateway stops is closed at once', () => {
  const place = { identify: () => true, release: vi.fn() };
  const limits = { enter: () => place } as never;
  const streams = createStreams({ domain: {} as never, auth: {} as never, limits });
  const response = Object.assign(new EventEmitter(), { destroyed: false, closed: false, destroy: vi.fn() });
  const subscribed = streams.plugin.onSubscribe?.({
    args: { contextValue: { res: response, viewer: null, address: '' } },
  } as never);
  streams.stop();
  const { onSubscribeResult } = subscribed as { onSubscribeResult(given: object): void };
  onSubscribeResult({ result: createEmptyStream(() => {}), setResult: () => {} });
  expect(response.destroy).toHaveBeenCalledOnce();
  expect(place.release).toHaveBeenCalledOnce();
});
