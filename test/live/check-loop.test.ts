import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DatabaseUnavailableError, StatementRefusedError } from '../../api/infra/database/database.ts';
import { type CheckLoop, type Checks, createCheckLoop } from '../../api/live/check-loop.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

const checkMs = 1_000;

let pubsub: ReturnType<typeof createLossyPubSub>;
let isConnected: boolean;
let logger: ReturnType<typeof createTestLogger>;
let loop: CheckLoop;

beforeEach(() => {
  vi.useFakeTimers();
  isConnected = true;
  pubsub = { ...createLossyPubSub(() => 'lose'), connected: () => isConnected };
  logger = createTestLogger();
});
afterEach(async () => {
  await loop.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function start(check: Checks['check'], options: Partial<Checks> = {}): void {
  loop = createCheckLoop({ subject: 'things', check, checkMs, ...options, pubsub, logger });
  loop.start();
}

/** A check that takes until the test finishes it. */
function createSlowCheck() {
  const state = { running: 0, mostRunning: 0, finish: () => {} };
  const check = vi.fn(async () => {
    state.mostRunning = Math.max(state.mostRunning, ++state.running);
    await new Promise<void>((resolve) => {
      state.finish = resolve;
    });
    state.running--;
  });
  return { check, state };
}

describe('a check loop', () => {
  test('checks periodically', async () => {
    const check = vi.fn(async () => {});
    start(check);
    await vi.advanceTimersByTimeAsync(checkMs - 1);
    expect(check).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(check).toHaveBeenCalledExactlyOnceWith(false);
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).toHaveBeenCalledTimes(3);
  });

  test.each([
    [0, 875],
    [1, 1_125],
  ])('varies each interval by its jitter (%d)', async (random, expectedMs) => {
    vi.spyOn(Math, 'random').mockReturnValue(random);
    const check = vi.fn(async () => {});
    start(check, { jitter: 1 / 8 });
    await vi.advanceTimersByTimeAsync(expectedMs - 1);
    expect(check).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(check).toHaveBeenCalledOnce();
  });

  test('checks at once when pubsub is back, and says that signals may have been missed', () => {
    const check = vi.fn(async () => {});
    start(check);
    pubsub.reconnect();
    expect(check).toHaveBeenCalledExactlyOnceWith(true);
  });

  test('spreads the check after a reconnect, and checks once for several reconnects', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const check = vi.fn(async () => {});
    start(check, { reconnectJitterMs: 100 });
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(30);
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(49);
    expect(check).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(check).toHaveBeenCalledExactlyOnceWith(true);
  });

  test('checks faster while pubsub is away, and slowly again afterwards', async () => {
    const check = vi.fn(async () => {});
    start(check, { awayCheckMs: 100 });
    isConnected = false;
    await vi.advanceTimersByTimeAsync(300);
    expect(check.mock.calls).toEqual([[true], [true], [true]]);
    isConnected = true;
    await vi.advanceTimersByTimeAsync(checkMs - 1);
    expect(check).toHaveBeenCalledTimes(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(check).toHaveBeenLastCalledWith(false);
  });

  test('never overlaps two checks, and starts no periodic one for those that passed meanwhile', async () => {
    const { check, state } = createSlowCheck();
    start(check);
    await vi.advanceTimersByTimeAsync(3.5 * checkMs);
    expect(check).toHaveBeenCalledOnce();
    state.finish();
    await vi.advanceTimersByTimeAsync(0.4 * checkMs);
    expect(check).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(0.1 * checkMs);
    expect(check).toHaveBeenCalledTimes(2);
    expect(state.mostRunning).toBe(1);
    state.finish();
  });

  test('checks again after the running check when pubsub comes back meanwhile, once however often', async () => {
    const { check, state } = createSlowCheck();
    start(check);
    await vi.advanceTimersByTimeAsync(checkMs);
    pubsub.reconnect();
    pubsub.reconnect();
    const requested = loop.check();
    expect(check).toHaveBeenCalledOnce();
    state.finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(check).toHaveBeenCalledTimes(2);
    expect(check).toHaveBeenLastCalledWith(true);
    expect(state.mostRunning).toBe(1);
    state.finish();
    await requested;
    await vi.advanceTimersByTimeAsync(1);
    expect(check).toHaveBeenCalledTimes(2);
  });

  test('goes on after a check that fails, and logs a failure that lasts once', async () => {
    const error = new DatabaseUnavailableError('the database is away');
    const check = vi.fn(() => Promise.reject(error));
    start(check);
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    check.mockResolvedValueOnce(undefined as never);
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).toHaveBeenCalledTimes(4);
    expect(logger.lines).toEqual([failed('warn', error), failed('debug', error), failed('warn', error)]);
  });

  test.each([new Error('a mistake'), new StatementRefusedError('a column is missing')])(
    'logs a failure that is not an unavailable database as an error, even after one that is: %s',
    async (error) => {
      const errors = [new DatabaseUnavailableError('the database is away'), error];
      let count = 0;
      start(() => Promise.reject(errors[Math.min(1, count++)]));
      await vi.advanceTimersByTimeAsync(3 * checkMs);
      const [away, mistake] = errors;
      expect(logger.lines).toEqual([failed('warn', away), failed('error', mistake), failed('debug', mistake)]);
    },
  );

  test('goes on after a check that throws instead of rejecting', async () => {
    const check = vi.fn((): Promise<void> => {
      throw new Error('a mistake');
    });
    start(check);
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).toHaveBeenCalledTimes(2);
  });

  test('resolves a requested check that fails', async () => {
    start(() => Promise.reject(new Error('the database is away')));
    await expect(loop.check()).resolves.toBeUndefined();
  });

  test('checks no more once it is stopped, and waits for the running check', async () => {
    const { check, state } = createSlowCheck();
    start(check, { reconnectJitterMs: 100 });
    await vi.advanceTimersByTimeAsync(checkMs);
    pubsub.reconnect();
    void loop.check();
    const onStopped = vi.fn();
    const stopped = loop.stop().then(onStopped);
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(onStopped).not.toHaveBeenCalled();
    state.finish();
    await stopped;
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that is stopped after a reconnect forgets the check that was due', async () => {
    const check = vi.fn(async () => {});
    start(check, { reconnectJitterMs: 100 });
    pubsub.reconnect();
    await loop.stop();
    await vi.advanceTimersByTimeAsync(100);
    expect(check).not.toHaveBeenCalled();
  });

  test('that was stopped before it started does nothing', async () => {
    const check = vi.fn(async () => {});
    loop = createCheckLoop({ subject: 'things', check, checkMs, pubsub, logger });
    await loop.stop();
    loop.start();
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(2 * checkMs);
    expect(check).not.toHaveBeenCalled();
  });
});

/** Returns the line that the loop logs about a check that failed. */
function failed(level: string, error: unknown) {
  const message = 'things could not be checked against the database; the next check tries again';
  return { level, facts: { error }, message };
}
