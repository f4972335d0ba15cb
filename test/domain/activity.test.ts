import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createActivity } from '../../api/domain/activity/activity.ts';
import type { ActivityItem } from '../../api/domain/activity/activity-event.ts';
import { createTypers } from '../../api/domain/activity/typers.ts';
import type { PresenceListener } from '../../api/domain/presence-watches.ts';
import { createRateLimits, noRateLimits } from '../../api/domain/rate-limits.ts';
import type { Entry, Signals } from '../../api/events.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import type { ChannelListener } from '../../api/live/channel-signals.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { headOf, signalOf } from '../support/signals.ts';

const leaseMs = 6_000;
const channelId = 'room';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Creates a node over pubsub that it may share with others. `members` are the members in the database. */
function createNode({
  pubsub = createLossyPubSub(() => 'deliver'),
  members = new Set<string>(),
  online = [] as string[],
  memberships = null as Promise<never> | null,
} = {}) {
  const publish = vi.fn(pubsub.publish);
  const watchers = new Set<PresenceListener>();
  const listeners = new Set<ChannelListener>();
  const logger = createTestLogger();
  const activity = createActivity({
    pubsub: { ...pubsub, publish: publish as typeof pubsub.publish },
    channels: {
      async follow(id, listener) {
        listeners.add(listener);
        return headOf(id, 1);
      },
      unfollow: (_id, listener) => void listeners.delete(listener),
    },
    onlineMembers: {
      async watch(_id, listener) {
        watchers.add(listener);
        return { onlineIds: online, leave: () => void watchers.delete(listener) };
      },
    },
    reads: {
      memberships: async (pairs) =>
        memberships ??
        pairs.filter(({ userId }) => members.has(userId)).map((pair) => ({ ...pair, seenSeq: 7 }) as never),
    },
    access: { requireCapability: async () => {}, requireMember: async () => 1 },
    blocks: { acquire: async () => ({ has: () => false, release() {} }) },
    rateLimits: noRateLimits,
    typingLeaseMs: leaseMs,
    receiptsMaxMembers: 100,
    logger,
  });
  return {
    activity,
    published: () => publish.mock.calls.length,
    comes: (userId: string, isOnline: boolean) => {
      for (const tell of watchers) tell(userId, isOnline);
    },
    signal: (signal: Signals[`channel:${string}`]) => {
      for (const { onSignal } of listeners) onSignal(signal);
    },
    listeners,
  };
}

const viewer = (userId: string) => ({ userId }) as never;

/** Follows the channel as a user, and collects the signals. */
async function followAs(node: ReturnType<typeof createNode>, userId: string) {
  const received: ActivityItem[] = [];
  let error: unknown;
  const stream = await node.activity.follow(viewer(userId), channelId);
  void (async () => {
    for await (const item of stream) received.push(item);
  })().catch((failure: unknown) => {
    error = failure;
  });
  const shown = () =>
    received.map((item) => [
      item.userId,
      item.type === 'typing' ? item.isActive : item.type === 'presence' ? item.isOnline : item.membership.seenSeq,
    ]);
  return { received, shown, error: () => error, stop: () => stream.return() };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('a room of a thousand members who all type and come and go costs a follower a bounded number of signals', async () => {
  const users = Array.from({ length: 1_000 }, (_, n) => `user ${n}`);
  const node = createNode({ members: new Set(users) });
  const follower = await followAs(node, 'ada');
  const seconds = 20;
  for (let second = 0; second < seconds; second++) {
    for (const userId of users) {
      await node.activity.typing(viewer(userId), channelId, true);
      node.comes(userId, second % 2 === 0);
      node.activity.seen(channelId, userId, 100);
    }
    await pass(1_000);
  }
  const count = (type: string) => follower.received.filter((item) => item.type === type).length;
  const most = (ofRound: number) => ofRound * (2 * seconds + 1);
  expect(count('typing')).toBeGreaterThan(0);
  expect(count('typing')).toBeLessThanOrEqual(most(10));
  expect(count('presence')).toBeLessThanOrEqual(most(20));
  expect(count('receipt')).toBeLessThanOrEqual(most(20));
  expect(node.published()).toBeLessThanOrEqual(10 * seconds + 1);
  console.info(
    `1,000 members, ${seconds} s: ${count('typing')} Typing, ${count('presence')} Presence, ${count('receipt')} Receipt for a follower; ${node.published()} published`,
  );
});

test('typing ends with its lease, on the send of a message, and only once', async () => {
  const node = createNode();
  const follower = await followAs(node, 'ada');
  await node.activity.typing(viewer('bob'), channelId, true);
  await pass(leaseMs - 1_000);
  await node.activity.typing(viewer('bob'), channelId, true);
  await pass(leaseMs - 1_000);
  expect(follower.shown()).toEqual([['bob', true]]);
  await pass(2_000);
  expect(follower.shown()).toEqual([
    ['bob', true],
    ['bob', false],
  ]);
  await node.activity.typing(viewer('bob'), channelId, true);
  await pass(1_000);
  node.activity.sent(channelId, 'bob');
  node.activity.sent(channelId, 'kim');
  await pass(leaseMs);
  expect(follower.shown().slice(2)).toEqual([
    ['bob', true],
    ['bob', false],
  ]);
});

test('a gateway that begins to follow learns who types through another, until those have ceased', async () => {
  const pubsub = createLossyPubSub(() => 'deliver');
  const [here, there] = [createNode({ pubsub }), createNode({ pubsub })];
  await there.activity.typing(viewer('bob'), channelId, true);
  await pass(1_000);
  const late = await followAs(here, 'ada');
  await pass(1_000);
  expect(late.shown()).toEqual([['bob', true]]);
  await pass(leaseMs);
  expect(late.shown()).toEqual([
    ['bob', true],
    ['bob', false],
  ]);
});

test('a lost end of typing is made up for by the lease', async () => {
  let isLost = false;
  const pubsub = createLossyPubSub(() => (isLost ? 'lose' : 'deliver'));
  const node = createNode({ pubsub });
  const follower = await followAs(node, 'ada');
  await node.activity.typing(viewer('bob'), channelId, true);
  await pass(1_000);
  isLost = true;
  await node.activity.typing(viewer('bob'), channelId, false);
  await pass(leaseMs);
  expect(follower.shown()).toEqual([
    ['bob', true],
    ['bob', false],
  ]);
});

test('a follower who joins later gets the present state alone', async () => {
  const node = createNode({ online: ['kim'] });
  const first = await followAs(node, 'ada');
  await node.activity.typing(viewer('bob'), channelId, true);
  node.comes('lee', true);
  await pass(1_000);
  node.comes('lee', false);
  await pass(1_000);
  const second = await followAs(node, 'eve');
  await pass(0);
  expect(second.shown()).toEqual([
    ['kim', true],
    ['bob', true],
  ]);
  expect(first.shown()).toContainEqual(['lee', false]);
});

test('changes that are undone before their round are not told', async () => {
  const node = createNode({ online: ['kim'] });
  const follower = await followAs(node, 'ada');
  await pass(1_000);
  for (let n = 0; n < 21; n++) node.comes(`user ${n}`, true);
  await pass(0);
  node.comes('kim', false);
  node.comes('user 20', false);
  node.comes('kim', true);
  await pass(1_000);
  expect(follower.shown()).toHaveLength(21);
  expect(follower.shown().slice(1)).toEqual(Array.from({ length: 20 }, (_, n) => [`user ${n}`, true]));
});

test('a follower whose membership ends is told at once, by an entry or when a signal of it was lost', async () => {
  const members = new Set(['ada', 'bob']);
  const node = createNode({ members });
  const [ada, bob] = [await followAs(node, 'ada'), await followAs(node, 'bob')];
  node.signal(signalOf(channelId, [{ kind: 'REMOVED', authorId: 'ada', position: 2 } as Entry]));
  await pass(0);
  expect(ada.error()).toMatchObject({ message: 'You are no longer a member of this channel.' });
  expect(bob.error()).toBeUndefined();

  members.delete('bob');
  node.signal({ head: headOf(channelId, 3), entries: [] });
  await pass(0);
  expect(bob.error()).toMatchObject({ message: 'You are no longer a member of this channel.' });
});

test('typing that ends while receipts are read slowly is not shown later', async () => {
  const node = createNode({ members: new Set(['bob']), memberships: new Promise(() => {}) });
  const follower = await followAs(node, 'ada');
  node.activity.seen(channelId, 'bob', 2);
  await node.activity.typing(viewer('bob'), channelId, true);
  await pass(1_000);
  await node.activity.typing(viewer('bob'), channelId, false);
  await pass(1_000);
  expect(follower.shown()).toEqual([
    ['bob', true],
    ['bob', false],
  ]);
});

test('receipts of users who are no longer members are left out', async () => {
  const node = createNode({ members: new Set(['bob']) });
  const follower = await followAs(node, 'ada');
  for (const userId of ['bob', 'gone', 'ada']) node.activity.seen(channelId, userId, 100);
  node.activity.seen(channelId, 'kim', 101);
  await pass(1_000);
  expect(follower.shown()).toEqual([['bob', 7]]);
});

test('a channel is left some time after its last follower', async () => {
  const node = createNode();
  const follower = await followAs(node, 'ada');
  await follower.stop();
  await pass(9_000);
  expect([node.activity.size(), node.listeners.size]).toEqual([1, 1]);
  await (await followAs(node, 'bob')).stop();
  await pass(10_000);
  expect([node.activity.size(), node.listeners.size]).toEqual([0, 0]);
});

test('typing is limited for each user', async () => {
  const limits = createMemoryState().limits;
  const rateLimits = createRateLimits({ limits, onRefused: () => {}, logger: createTestLogger() });
  const activity = createActivity({
    pubsub: createLossyPubSub(() => 'deliver'),
    access: { requireCapability: async () => {} },
    rateLimits,
    logger: createTestLogger(),
  } as never);
  const call = () => activity.typing(viewer('ada'), channelId, true);
  const results = await Promise.allSettled(Array.from({ length: 50 }, call));
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(10);
  expect(refused[0]).toMatchObject({ reason: { name: 'RateLimitedError' } });
  activity.stop();
});

test('at most a thousand users type in one channel', () => {
  const typers = createTypers({ leaseMs, onChange: () => {} });
  for (let n = 0; n < 1_001; n++) typers.set(`user ${n}`, true);
  expect(typers.ids()).toHaveLength(1_000);
  typers.stop();
});
