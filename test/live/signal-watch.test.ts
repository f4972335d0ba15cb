import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PubSub, Unsubscribe } from '../../api/infra/pubsub/pubsub.ts';
import { createSignalWatch } from '../../api/live/signal-watch.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

const checkMs = 1_000;

const onSignal = vi.fn();
const check = vi.fn(async () => {});
let network: ReturnType<typeof createLossyPubSub>;
let watch: ReturnType<typeof createWatch>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  network = createLossyPubSub(() => 'deliver');
  watch = createWatch();
});
afterEach(async () => {
  await watch.stop();
  vi.useRealTimers();
});

function createWatch(options: { pubsub?: PubSub; onReconnected?(): void } = {}) {
  const checks = { subject: 'users', check, checkMs };
  return createSignalWatch({
    pubsub: network,
    topic: 'users',
    onSignal,
    checks,
    logger: createTestLogger(),
    ...options,
  });
}

/** Pubsub whose subscriptions the test confirms or refuses. */
function createSlowPubSub() {
  const unsubscribe = vi.fn(async () => {});
  const pending = { confirm: () => {}, refuse: (_error: Error) => {} };
  const subscribe = () =>
    new Promise<Unsubscribe>((resolve, reject) => {
      pending.confirm = () => resolve(unsubscribe);
      pending.refuse = reject;
    });
  return { pubsub: { ...network, subscribe }, pending, unsubscribe };
}

describe('a signal watch', () => {
  test('passes on the signals of its topic between start and stop', async () => {
    await network.publish('users', 'before');
    await watch.start();
    await network.publish('users', 'ada');
    await network.publish('presence', ['other topic']);
    await watch.stop();
    await network.publish('users', 'after');
    expect(onSignal.mock.calls).toEqual([['ada']]);
  });

  test('checks periodically and after a reconnect, until it is stopped', async () => {
    await watch.start();
    await vi.advanceTimersByTimeAsync(checkMs);
    network.reconnect();
    expect(check.mock.calls).toEqual([[false], [true]]);
    await watch.stop();
    network.reconnect();
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).toHaveBeenCalledTimes(2);
  });

  test('reports a reconnect before it checks, even if a check is running', async () => {
    const log: string[] = [];
    check.mockImplementation(async () => void log.push('check'));
    watch = createWatch({ onReconnected: () => log.push('reconnected') });
    await watch.start();
    network.reconnect();
    network.reconnect();
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(['reconnected', 'check', 'reconnected', 'check']);
    await watch.stop();
    network.reconnect();
    expect(log).toHaveLength(4);
    check.mockReset();
  });

  test('fails to start if its topic cannot be subscribed, and runs nothing then', async () => {
    const { pubsub, pending } = createSlowPubSub();
    watch = createWatch({ pubsub });
    const started = watch.start();
    pending.refuse(new Error('pubsub is away'));
    await expect(started).rejects.toThrow('pubsub is away');
    network.reconnect();
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).not.toHaveBeenCalled();
    await expect(watch.stop()).resolves.toBeUndefined();
  });

  test('that is stopped while it starts unsubscribes as soon as it can, and never checks', async () => {
    const { pubsub, pending, unsubscribe } = createSlowPubSub();
    watch = createWatch({ pubsub, onReconnected: onSignal });
    const started = watch.start();
    const stopped = watch.stop();
    pending.confirm();
    await Promise.all([started, stopped]);
    expect(unsubscribe).toHaveBeenCalledOnce();
    network.reconnect();
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).not.toHaveBeenCalled();
    expect(onSignal).not.toHaveBeenCalled();
  });

  test('that was stopped before it started subscribes to nothing', async () => {
    await watch.stop();
    await watch.start();
    await network.publish('users', 'ada');
    expect(onSignal).not.toHaveBeenCalled();
  });

  test('ends its checks before its subscription', async () => {
    const { pubsub, pending, unsubscribe } = createSlowPubSub();
    let finish = () => {};
    check.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
    watch = createWatch({ pubsub });
    const started = watch.start();
    pending.confirm();
    await started;
    await vi.advanceTimersByTimeAsync(checkMs);
    const stopped = watch.stop();
    await vi.advanceTimersByTimeAsync(1);
    expect(unsubscribe).not.toHaveBeenCalled();
    finish();
    await stopped;
    expect(unsubscribe).toHaveBeenCalledOnce();
  });
});
