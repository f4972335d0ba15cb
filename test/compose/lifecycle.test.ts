import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLifecycle } from '../../api/compose/lifecycle.ts';
import { reach } from '../../api/compose/reach.ts';
import { NotReadyError } from '../../api/errors.ts';
import { StartError, StartInterruptedError } from '../../api/start-errors.ts';
import { createTestLogger } from '../support/logger.ts';
import { patienceMs } from '../support/patience.ts';

/** Creates a lifecycle, and parts that note in `events` when they start and stop. */
function setUp(stopMs = patienceMs) {
  const events: string[] = [];
  const logger = createTestLogger();
  const stopping = new AbortController();
  const lifecycle = createLifecycle({ logger, stopMs, stopping: stopping.signal });
  const part = (name: string, over: { start?(): unknown; stop?(): unknown } = {}) => ({
    start() {
      events.push(`start ${name}`);
      return over.start?.();
    },
    stop() {
      events.push(`stop ${name}`);
      return over.stop?.();
    },
  });
  return { events, logger, stopping, ...lifecycle, part };
}

const never = () => new Promise<never>(() => {});

test('parts stop in reverse order, also after one has failed, which is logged by its name', async () => {
  const { events, logger, open, stop, part } = setUp();
  await open('one', part('one'));
  await open('two', part('two', { stop: () => Promise.reject(new Error('stuck')) }));
  await open('three', Promise.resolve(part('three')));

  expect(await stop()).toBe(false);

  expect(events).toEqual(['start one', 'start two', 'start three', 'stop three', 'stop two', 'stop one']);
  expect(logger.lines).toMatchObject([{ level: 'error', facts: { part: 'two', error: { message: 'stuck' } } }]);
});

test('a part that does not stop is given up, and the parts below it stop', async () => {
  const { events, logger, open, stop, part } = setUp(40);
  await open('one', part('one'));
  await open('two', part('two', { stop: never }));
  await open('three', part('three', { stop: never }));

  expect(await stop()).toBe(false);

  expect(events.slice(3)).toEqual(['stop three', 'stop two', 'stop one']);
  expect(logger.lines.map(({ facts }) => (facts as { part: string }).part)).toEqual(['three', 'two']);
});

test('each part has its time to drain besides the time for the stop', async () => {
  const { events, open, stop, part } = setUp(0);
  const drained = () => delay(20);
  await open('one', { ...part('one', { stop: drained }), drainMs: patienceMs });
  await open('two', { ...part('two', { stop: drained }), drainMs: patienceMs });

  expect(await stop()).toBe(true);
  expect(events.slice(2)).toEqual(['stop two', 'stop one']);
});

test('a stop is in order if every part has ended, also if there is none', async () => {
  const { open, stop, part } = setUp();
  await open('one', part('one'));
  expect(await stop()).toBe(true);
  expect(await stop()).toBe(true);
});

test.each([
  ['that is being made', () => never(), []],
  ['that starts', null, ['start two', 'stop two']],
] as const)('a stop does not wait for a part %s', async (_, making, expected) => {
  const { events, stopping, open, stop, part } = setUp(40);
  await open('one', part('one'));
  const opening = open('two', making?.() ?? part('two', { start: never }));
  await new Promise(setImmediate);
  stopping.abort();

  await expect(opening).rejects.toThrow(StartInterruptedError);
  expect(await stop()).toBe(false);
  expect(events).toEqual(['start one', ...expected, 'stop one']);
});

test('a part that is made after the process was asked to stop is stopped, and not started', async () => {
  const { events, stopping, open, stop, part } = setUp();
  let make = (_: ReturnType<typeof part>) => {};
  const opening = open('late', new Promise<ReturnType<typeof part>>((resolve) => (make = resolve)));
  stopping.abort();
  await expect(opening).rejects.toThrow(StartInterruptedError);
  await expect(open('next', part('next'))).rejects.toThrow(StartInterruptedError);
  const stopped = stop();
  make(part('late'));

  expect(await stopped).toBe(true);
  expect(events).toEqual(['stop next', 'stop late']);
});

test('a part that fails to start is stopped with those before it, and its error is thrown', async () => {
  const { events, open, stop, part } = setUp();
  await open('one', part('one'));
  const failing = part('two', { start: () => Promise.reject(new Error('no port')) });
  await expect(open('two', failing)).rejects.toThrow('no port');
  expect(await stop()).toBe(true);
  expect(events.slice(2)).toEqual(['stop two', 'stop one']);
});

/** A service that fails with each of these errors before it responds. */
function createService(errors: readonly Error[]) {
  const left = [...errors];
  const attempt = async () => {
    const error = left.shift();
    if (error) throw error;
    return 'response';
  };
  const isRefused = (error: unknown) => String(error).includes('password');
  return { name: 'Redis at here', settings: 'REDIS_URL', attempt, isRefused };
}

function patience(timeoutMs = patienceMs) {
  const stopping = new AbortController();
  return { timeoutMs, stopping: stopping.signal, logger: createTestLogger(), stop: () => stopping.abort() };
}

test('a start waits for a service, and says so once', async () => {
  const given = patience();
  expect(await reach(createService([new Error('refused'), new Error('refused')]), given)).toBe('response');
  expect(given.logger.lines).toHaveLength(1);
});

test.each([
  ['refuses its password', createService([new Error('wrong password')]), patienceMs, 'wrong password'],
  ['does not respond', { ...createService([]), attempt: never }, 1, 'no response within 1 ms'],
  ['stays away', { ...createService([]), attempt: () => Promise.reject(new Error('refused')) }, 100, 'refused'],
])('a start fails with the settings to check if a service %s', async (_, service, timeoutMs, reason) => {
  const started = reach<unknown>(service, patience(timeoutMs));
  await expect(started).rejects.toThrow(`Redis at here cannot be used: ${reason}. Check REDIS_URL.`);
  await expect(started).rejects.toBeInstanceOf(StartError);
});

test('a service with a fault that /ready reports lets the process start', async () => {
  expect(await reach(createService([new NotReadyError('compacted')]), patience())).toBeNull();
});

test('a stop ends the wait for a service', async () => {
  const given = patience();
  const started = reach({ ...createService([]), attempt: never }, given);
  given.stop();
  await expect(started).rejects.toThrow(StartInterruptedError);
});
