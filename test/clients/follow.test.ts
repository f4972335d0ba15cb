import { CombinedGraphQLErrors } from '@apollo/client/core';
import { CombinedError } from '@urql/core';
import { ApolloError } from 'apollo-client-3/core';
import { GraphQLError } from 'graphql';
import { ClientError } from 'graphql-request';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { follow, type Sink } from '../../examples/clients/follow.ts';

const longestDelayMs = 15_000;
const session = { token: async () => 'token', renew: async () => 'renewed' };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const wrapped: Record<string, (errors: ReturnType<typeof errorsOf>) => unknown> = {
  'graphql-ws': (errors) => errors,
  'graphql-request': (errors) =>
    new ClientError({ errors, status: 409, headers: new Headers(), body: '' }, { query: '' }),
  urql: (graphQLErrors) => new CombinedError({ graphQLErrors }),
  'Apollo Client 3': (errors) => new ApolloError({ graphQLErrors: errors.map((error) => error.toJSON()) }),
  'Apollo Client 4': (errors) => new CombinedGraphQLErrors({ errors: errors.map((error) => error.toJSON()) }),
};

test.each(Object.entries(wrapped))('RESYNC_REQUIRED, as %s wraps it, loads the newest page again', async (_, wrap) => {
  const { load, starts, end } = await followed();
  load.mockResolvedValueOnce(9);
  await end(wrap(errorsOf('RESYNC_REQUIRED')));
  expect(starts).toEqual([1, 9]);
});

test.each(Object.entries(wrapped))('FORBIDDEN, as %s wraps it, is the end', async (_, wrap) => {
  const { load, starts, end } = await followed();
  await end(wrap(errorsOf('FORBIDDEN')));
  expect(starts).toEqual([1]);
  expect(load).toHaveBeenCalledOnce();
});

test('a page that cannot be loaded after RESYNC_REQUIRED is loaded again', async () => {
  const { load, starts, end } = await followed();
  load.mockRejectedValueOnce(new TypeError('fetch failed')).mockResolvedValueOnce(9);
  await end(errorsOf('RESYNC_REQUIRED'));
  await vi.advanceTimersByTimeAsync(longestDelayMs);
  expect(starts).toEqual([1, 9]);
});

test('a stop while a page is loading ends everything', async () => {
  const { load, starts, end, stop } = await followed();
  let arrive = (_position: number) => {};
  const page = new Promise<number>((resolve) => {
    arrive = resolve;
  });
  load.mockReturnValueOnce(page);
  await end(errorsOf('RESYNC_REQUIRED'));
  stop();
  arrive(9);
  await vi.advanceTimersByTimeAsync(longestDelayMs);
  expect(load).toHaveBeenCalledTimes(2);
  expect(starts).toEqual([1]);
});

/** Follows a channel whose page has position 1. `starts` has the position of each subscription. */
async function followed() {
  const load = vi.fn<() => Promise<number>>().mockResolvedValueOnce(1);
  const starts: number[] = [];
  let sink: Sink | undefined;
  const stop = await follow({
    channelId: 'c',
    session,
    load,
    subscribe(variables, given) {
      starts.push(variables.after);
      sink = given;
      return () => {};
    },
    onMessage: () => {},
  });
  /** Ends the subscription, and waits for the longest delay before the next. */
  async function end(error: unknown): Promise<void> {
    sink?.end(error);
    await vi.advanceTimersByTimeAsync(longestDelayMs);
  }
  return { load, starts, end, stop };
}

function errorsOf(code: string) {
  return [new GraphQLError(code, { extensions: { code } })];
}
