import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { channelTopic, outcomesTopic, type Signals, type Topic, userTopic } from '../api/events.ts';
import type { PubSub } from '../api/infra/pubsub/pubsub.ts';
import { createSignalPublisher } from '../api/signal-publisher.ts';
import { createTestLogger } from './support/logger.ts';
import { headOf } from './support/signals.ts';

const retryMs = 500;

let isAway: boolean;
/** Signals that reached pubsub. */
let sent: { topic: Topic; message: unknown }[];
let attempts: number;
let publisher: ReturnType<typeof createSignalPublisher>;
const onFailed = vi.fn();

const publish: PubSub['publish'] = async <T extends Topic>(topic: T, message: Signals[T]) => {
  attempts++;
  if (isAway) throw new Error('away');
  sent.push({ topic, message });
};

beforeEach(() => {
  vi.useFakeTimers();
  isAway = false;
  sent = [];
  attempts = 0;
  onFailed.mockClear();
  publisher = createSignalPublisher({
    pubsub: { publish },
    onFailed,
    maxWaiting: 3,
    retryMs,
    logger: createTestLogger(),
  });
});
afterEach(async () => {
  await publisher.stop();
  vi.useRealTimers();
});

const signal = (version: number, facts: { changed?: boolean } = {}) => ({
  head: headOf('room', version, facts),
  entries: [{ position: version }] as never,
});

test('a failed signal is repeated until it succeeds, joined with later ones, without their entries', async () => {
  isAway = true;
  publisher.publish(channelTopic('room'), signal(1, { changed: true }));
  publisher.publish(channelTopic('room'), signal(2));
  await vi.advanceTimersByTimeAsync(3 * retryMs);
  expect([attempts, onFailed.mock.calls.length, publisher.waiting()]).toEqual([5, 2, 1]);
  isAway = false;
  await vi.advanceTimersByTimeAsync(retryMs);
  const message = { head: headOf('room', 2, { changed: true }), entries: [] };
  expect(sent).toEqual([{ topic: 'channel:room', message }]);
  expect(publisher.waiting()).toBe(0);
});

test('signals of a user are joined by their type and channel, sessions by their ids', async () => {
  isAway = true;
  publisher.publish(userTopic('ada'), { type: 'sessions', sessionIds: ['one'] });
  publisher.publish(userTopic('ada'), { type: 'sessions', sessionIds: ['two'] });
  for (const channelId of ['room', 'kitchen', 'room']) publisher.publish(userTopic('ada'), { type: 'seen', channelId });
  await vi.advanceTimersByTimeAsync(0);
  isAway = false;
  await vi.advanceTimersByTimeAsync(retryMs);
  expect(sent.map(({ message }) => message)).toEqual([
    { type: 'sessions', sessionIds: ['one', 'two'] },
    { type: 'seen', channelId: 'room' },
    { type: 'seen', channelId: 'kitchen' },
  ]);
});

test('outcomes are not repeated: the gateway that waits looks them up', async () => {
  isAway = true;
  publisher.publish(outcomesTopic('here'), []);
  await vi.advanceTimersByTimeAsync(0);
  expect([onFailed.mock.calls.length, publisher.waiting()]).toEqual([1, 0]);
});

test('a hold is released once for each of its signals, at the latest when the joined one is published', async () => {
  const hold = { release: vi.fn(), giveUp: vi.fn() };
  isAway = true;
  for (const version of [1, 2, 3]) publisher.publish(channelTopic('room'), signal(version), hold);
  await vi.advanceTimersByTimeAsync(0);
  expect(hold.release).toHaveBeenCalledTimes(2);
  isAway = false;
  await vi.advanceTimersByTimeAsync(retryMs);
  expect(hold.release).toHaveBeenCalledTimes(3);
  expect(hold.giveUp).not.toHaveBeenCalled();
});

test('failed signals above a bound are given up, except takeovers', async () => {
  const hold = { release: vi.fn(), giveUp: vi.fn() };
  isAway = true;
  for (const id of ['a', 'b', 'c', 'd'])
    publisher.publish(channelTopic(id), { head: headOf(id, 1), entries: [] }, hold);
  publisher.publish('takeovers', { partition: 0, from: 1 }, hold);
  await vi.advanceTimersByTimeAsync(0);
  expect([publisher.waiting(), hold.release.mock.calls.length, hold.giveUp.mock.calls.length]).toEqual([4, 1, 1]);
});

test('a stop waits for signals under way and tries the failed ones once more', async () => {
  isAway = true;
  publisher.publish(channelTopic('room'), signal(1));
  await vi.advanceTimersByTimeAsync(0);
  isAway = false;
  publisher.publish(channelTopic('kitchen'), { head: headOf('kitchen', 1), entries: [] });
  await publisher.stop();
  expect(sent.map(({ topic }) => topic)).toEqual(['channel:kitchen', 'channel:room']);
});
