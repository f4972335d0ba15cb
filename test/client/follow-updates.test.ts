import type { CombinedError } from '@urql/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { followUpdates } from '../../client/src/urql/store/follow-updates.ts';
import type { UpdateEvent } from '../../client/src/urql/store/types.ts';
import { createValue } from '../../client/src/urql/value.ts';

/** Longer than every delay before a retry, and than the silence after which a stream counts as dead. */
const longMs = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the cursor is taken before the state is loaded, and the stream goes on from there', async () => {
  const { calls, starts } = await followed(null);
  expect(calls).toEqual(['cursor', 'load', 'subscribe']);
  expect(starts.at(-1)?.after).toBe('first');
});

test('a stored cursor needs no loading, and each reconnect resumes after the newest update', async () => {
  const { calls, starts, send } = await followed('stored');
  expect(calls).toEqual(['subscribe']);
  send('next');
  expect(starts.at(-1)?.after).toBe('next');
});

test('RESYNC_REQUIRED loads everything again', async () => {
  const { calls, fail } = await followed('stored');
  await fail('RESYNC_REQUIRED');
  expect(calls).toEqual(['subscribe', 'cursor', 'load', 'subscribe']);
});

test('after another error the stream resumes, and the failure is reported', async () => {
  const { calls, failures, fail, starts, send } = await followed('stored');
  send('next');
  await fail('UNAVAILABLE');
  expect(calls).toEqual(['subscribe', 'subscribe']);
  expect(starts.at(-1)?.after).toBe('next');
  expect(failures).toEqual(['UNAVAILABLE']);
});

test('a failed load is tried again, with the cursor that was taken before it', async () => {
  const { calls } = await followed(null, 1);
  await vi.advanceTimersByTimeAsync(longMs / 2);
  expect(calls).toEqual(['cursor', 'load', 'load', 'subscribe']);
});

test('a stream that is silent although the socket is connected is replaced, and none after `stop`', async () => {
  const { calls, following } = await followed('stored');
  await vi.advanceTimersByTimeAsync(longMs);
  expect(calls).toEqual(['subscribe', 'subscribe']);
  following.stop();
  await vi.advanceTimersByTimeAsync(longMs);
  expect(calls).toHaveLength(2);
});

/** Follows updates of a client whose calls are recorded. @param failedLoads number of loads that fail at first */
async function followed(cursor: string | null, failedLoads = 0) {
  const calls: string[] = [];
  const failures: string[] = [];
  const starts: { after: string | null }[] = [];
  let listener: (result: object) => void = () => {};
  let loads = 0;
  const client = {
    query: () => ({
      async toPromise() {
        calls.push('cursor');
        return { data: { updates: { cursor: 'first' } } };
      },
    }),
    subscription: (_: unknown, variables: { after: string | null }) => ({
      subscribe(given: typeof listener) {
        calls.push('subscribe');
        starts.push(variables);
        listener = given;
        return { unsubscribe: () => {} };
      },
    }),
  } as unknown as Parameters<typeof followUpdates>[0]['client'];
  const following = followUpdates({
    client,
    connection: createValue({ state: 'connected' as const }),
    cursor,
    async load() {
      calls.push('load');
      loads += 1;
      return loads <= failedLoads ? { code: 'NETWORK', message: '' } : null;
    },
    onEvent: () => {},
    onFailure: ({ code }) => failures.push(code),
  });
  await vi.advanceTimersByTimeAsync(0);

  return { calls, failures, starts, following, send, fail };

  function send(next: string): void {
    const event: UpdateEvent = { __typename: 'CaughtUp', at: '' };
    listener({ data: { updates: { cursor: next, event } }, hasNext: true });
  }

  async function fail(code: string): Promise<void> {
    const error = { graphQLErrors: [{ message: '', extensions: { code } }] } as unknown as CombinedError;
    listener({ error, hasNext: false });
    await vi.advanceTimersByTimeAsync(longMs / 4);
  }
}
