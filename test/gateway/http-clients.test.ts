import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client/core';
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { createClient as createUrql, fetchExchange } from '@urql/core';
import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startGateway } from '../support/gateway.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  url = `${running.url}/graphql`;
});
afterAll(() => running.gateway.stop());

/** Subscribes, and returns the values or codes of all results, and the error that ends the transport, if any. */
type Follow = (query: string) => Promise<unknown[]>;

const followers: Record<string, Follow> = {
  async 'graphql-sse'(query) {
    const client = createClient({ url, retryAttempts: 0 });
    const seen: unknown[] = [];
    for await (const result of client.iterate({ query })) seen.push(summaryOf(result));
    return seen;
  },
  async 'Apollo Client by multipart/mixed'(query) {
    const client = new ApolloClient({ link: new HttpLink({ uri: url }), cache: new InMemoryCache() });
    const seen: unknown[] = [];
    await new Promise<void>((complete) =>
      client.subscribe({ query: gql(query) }).subscribe({
        next: ({ data, error }) =>
          seen.push(summaryOf({ data, errors: error && 'errors' in error ? error.errors : undefined })),
        complete,
      }),
    );
    return seen;
  },
  async 'urql over fetch'(query) {
    const client = createUrql({ url, exchanges: [fetchExchange], fetchSubscriptions: true, preferGetMethod: false });
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      client.subscription(query, {}).subscribe(({ data, error, hasNext }) => {
        seen.push(summaryOf({ data, errors: error?.graphQLErrors }));
        if (hasNext !== true) resolve();
      });
    });
    // It repeats an error when the stream ends.
    return [...new Set(seen)];
  },
  EventSource: (query) => readAsEventSource(`${url}?query=${encodeURIComponent(query)}`),
};

/** Returns the value of the only field, or the code of the first error. */
function summaryOf(result: unknown): unknown {
  const { data, errors } = result as { data?: object | null; errors?: readonly { extensions?: object }[] };
  const [error] = errors ?? [];
  return error ? (error.extensions as { code: string }).code : Object.values(data ?? {})[0];
}

/** Reads a stream as browsers do (HTML, section 9.2): any status but 200, or another type, fails the connection. */
async function readAsEventSource(address: string): Promise<unknown[]> {
  const response = await fetch(address, { headers: { accept: 'text/event-stream' } });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  const seen: unknown[] = [];
  for (const block of (await response.text()).split('\n\n')) {
    const [, event, data = ''] = /^event: (\w+)\ndata: ?(.*)$/s.exec(block) ?? [];
    if (event === 'next') seen.push(summaryOf(JSON.parse(data)));
  }
  return seen;
}

describe.each(Object.entries(followers))('%s', (_name, follow) => {
  it.each([
    ['subscription { numbers(upTo: 2) }', 1],
    ['subscription { removed }', 1],
  ])('reads the results of %s', async (query, first) => {
    expect((await follow(query))[0]).toBe(first);
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it.each([
    ['subscription { mine }', 'UNAUTHENTICATED'],
    ['subscription { resync }', 'RESYNC_REQUIRED'],
    ['subscription { nope }', 'GRAPHQL_VALIDATION_FAILED'],
  ])('sees why a subscription is refused: %s', async (query, code) => {
    expect(await follow(query)).toEqual([code]);
  });

  it('sees the error that ends a stream', async () => {
    expect(await follow('subscription { removed }')).toEqual([1, 'FORBIDDEN']);
  });
});

describe('graphql-sse', () => {
  it('sees that an operation is empty or malformed', async () => {
    for (const query of ['', ' ', '{}', 'fragment F on Query { hello }'])
      expect(['BAD_REQUEST', 'GRAPHQL_PARSE_FAILED']).toContain((await followers['graphql-sse']?.(query))?.[0]);
  });
});

describe('Apollo Client with persisted queries', () => {
  it.each([false, true])('sends the text after a miss, as GET: %s', async (useGETForHashedQueries) => {
    const { createHash } = await import('node:crypto');
    const sha256 = async (text: string) => createHash('sha256').update(text).digest('hex');
    const requests: number[] = [];
    const counted: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      requests.push(response.status);
      return response;
    };
    const link = createPersistedQueryLink({ sha256, useGETForHashedQueries }).concat(
      new HttpLink({ uri: url, fetch: counted }),
    );
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const query = gql(`query ByHash${useGETForHashedQueries} { hello }`);
    for (let n = 0; n < 2; n++) {
      const { data } = await client.query<{ hello: string }>({ query, fetchPolicy: 'network-only' });
      expect(data?.hello).toBe('Hello world');
    }
    expect(requests).toEqual([200, 200, 200]);
  });
});
