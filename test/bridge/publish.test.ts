import { expect, test, vi } from 'vitest';
import { addHead, addMembership, createChangeset } from '../../api/bridge/changeset.ts';
import { createPublisher } from '../../api/bridge/publish.ts';
import { createSignalProgress } from '../../api/bridge/signal-progress.ts';
import type { ChannelSignal, Signals, Topic } from '../../api/events.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import type { Hold } from '../../api/signal-publisher.ts';
import { createTestLogger } from '../support/logger.ts';

/** Creates a publisher whose signals of some topics fail. */
function createWorld() {
  const failing = new Set<string>();
  const sent: { topic: Topic; message: unknown }[] = [];
  const publish: PubSub['publish'] = async <T extends Topic>(topic: T, message: Signals[T]) => {
    if (failing.has(topic)) throw new Error('away');
    sent.push({ topic, message: structuredClone(message) });
  };
  const publisher = createPublisher({
    pubsub: { publish } as unknown as PubSub,
    metrics: { publishFailed: () => {} },
    logger: createTestLogger(),
  });
  /** Publishes the change of a channel at an offset. */
  function change(channelId: string, offset: number, from = offset): void {
    const changeset = createChangeset();
    addHead(changeset, { id: channelId, position: offset, seq: offset, version: offset }, { partition: 0, offset });
    publisher.publish(changeset, [{ partition: 0, from: BigInt(from), next: BigInt(offset + 1) }]);
  }
  const of = (topic: Topic) => sent.filter((one) => one.topic === topic).map(({ message }) => message);
  const throughOf = (channelId: string) =>
    (of(`channel:${channelId}`) as ChannelSignal[]).map(({ head }) => head.through);
  return { publisher, failing, sent, change, of, throughOf };
}

const turn = () => new Promise(setImmediate);

test('a head tells up to which offset all signals of its partition were published before', async () => {
  const { publisher, change, throughOf, of } = createWorld();
  publisher.begin(0, 5n);
  await turn();
  expect(of('takeovers')).toEqual([{ partition: 0, from: 5 }]);
  for (const offset of [5, 6, 7]) {
    change('room', offset);
    await turn();
  }
  expect(throughOf('room')).toEqual([4, 5, 6]);
  await publisher.stop();
});

test('a failed signal holds back the offset until it is repeated', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { publisher, failing, change, throughOf, of } = createWorld();
  publisher.begin(0, 0n);
  await turn();
  failing.add('channel:kitchen');
  change('kitchen', 0);
  for (const offset of [1, 2, 3]) {
    change('room', offset);
    await turn();
  }
  expect(throughOf('room')).toEqual([-1, -1, -1]);
  failing.clear();
  await vi.advanceTimersByTimeAsync(500);
  expect(of('channel:kitchen')).toHaveLength(1);
  change('room', 4);
  await turn();
  expect(throughOf('room').at(-1)).toBe(3);
  await publisher.stop();
  vi.useRealTimers();
});

test('a partition that another bridge has moved meanwhile is taken over again', async () => {
  const { publisher, change, of, throughOf } = createWorld();
  publisher.begin(0, 0n);
  await turn();
  change('room', 0);
  await turn();
  change('room', 9, 7);
  await turn();
  expect(of('takeovers')).toEqual([
    { partition: 0, from: 0 },
    { partition: 0, from: 10 },
  ]);
  change('room', 10);
  await turn();
  expect(throughOf('room')).toEqual([-1, -1, 9]);
  await publisher.stop();
});

test('an attempt that finds its events applied by others announces a takeover, too', async () => {
  const { publisher, of } = createWorld();
  publisher.begin(0, 0n);
  publisher.publish(createChangeset(), [{ partition: 0, from: 3n, next: 3n }]);
  await turn();
  expect(of('takeovers').at(-1)).toEqual({ partition: 0, from: 3 });
  await publisher.stop();
});

test('users learn of their memberships', async () => {
  const { publisher, of } = createWorld();
  const changeset = createChangeset();
  for (const userId of ['ada', 'bob', 'ada']) addMembership(changeset, 'room', userId);
  publisher.publish(changeset);
  await turn();
  expect([of('user:ada'), of('user:bob')]).toEqual([
    [{ type: 'membership', channelId: 'room' }],
    [{ type: 'membership', channelId: 'room' }],
  ]);
  await publisher.stop();
});

test('many signals that are given up while pubsub is away take no more memory than a few', async () => {
  const progress = createSignalProgress({ onGivenUp: () => {} });
  const holds = new Set<Hold | undefined>();
  for (let offset = 0; offset < 100; offset++) {
    holds.add(progress.begin(0, offset));
    progress.move(0, offset, offset + 1);
    holds.add(progress.hold(0));
    progress.close(0);
  }
  expect(holds.size).toBeLessThanOrEqual(2);
});

test('a takeover that is announced again before it was published holds the offset back until both are', () => {
  const progress = createSignalProgress({ onGivenUp: () => {} });
  const takeover = progress.begin(0, 3);
  progress.move(0, 3, 4);
  const signal = progress.hold(0);
  progress.close(0);
  expect(progress.begin(0, 9)).toBe(takeover);
  signal?.release();
  takeover.release();
  expect(progress.through(0)).toBe(-1);
  takeover.release();
  expect([progress.through(0), progress.next(0)]).toEqual([8, 9]);
});
