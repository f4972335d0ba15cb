import { cacheExchange, createClient, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { createClient as createSocketClient } from 'graphql-ws';
import { beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createEntryCache } from '../../client/src/urql/cache.ts';
import { toFailure } from '../../client/src/urql/errors.ts';
import { followMessages } from '../../client/src/urql/resume.ts';
import { createUrqlClient } from '../../client/src/urql/urql-client.ts';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { type Network, startNetwork } from '../support/network.ts';

let url: string;
let network: Network;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  network = await startNetwork(url);
  return async () => {
    await network.stop();
    await app.stop();
  };
});

interface Entry {
  id: string;
  seq: number;
  position: number;
  text: string;
}
interface Page {
  nodes: Entry[];
  position: number;
  pageInfo: { hasPreviousPage: boolean; startCursor: string | null };
}

const Match = gql<{ match: { channel: { id: string } | null } }, Record<string, never>>`
  mutation { match { id channel { id } } }
`;
const Me = gql<{ me: { name: string } | null }, Record<string, never>>`
  query { me { id name } }
`;
const Join = gql<{ joinRoom: { id: string } | null }, { channelId: string }>`
  mutation ($channelId: ID!) { joinRoom(channelId: $channelId) { id } }
`;
const Send = gql<{ send: { message: Entry } }, { input: { channelId: string; text: string; clientId: string } }>`
  mutation ($input: SendInput!) { send(input: $input) { message { id seq position text } } }
`;
const Newest = gql<{ channel: { messages: Page } | null }, { id: string }>`
  query ($id: ID!) {
    channel(id: $id) {
      id
      messages(last: 50) { position nodes { id seq position text } pageInfo { hasPreviousPage startCursor } }
    }
  }
`;
const Messages = gql<{ messages: Entry }, { channelId: string; after?: number | null }>`
  subscription ($channelId: ID!, $after: Int) {
    messages(channelId: $channelId, after: $after) { id seq position text }
  }
`;

/** Creates a room of another person and returns its id. */
async function createRoom(name: string): Promise<string> {
  const owner = await guest(url, 'Grace');
  const { createRoom } = await owner.ask('mutation ($name: String!) { createRoom(input: { name: $name }) { id } }', {
    name,
  });
  return createRoom.id;
}

/** A session with a fixed token. `renewed` replaces the token when the server refuses it. */
function fixedSession(initial: string, renewed = initial) {
  let token = initial;
  const refused: string[] = [];
  return {
    refused,
    token: async () => token,
    async renew(used: string) {
      refused.push(used);
      token = renewed;
      return token;
    },
  };
}

/** Connects a person with the project's own client. */
function join(at: string, { token }: Person) {
  const session = fixedSession(token);
  const parley = createUrqlClient({ url: `${at}/graphql`, session, webSocketImpl: WebSocket });
  const cache = createEntryCache<Entry>();
  const received: Entry[] = [];

  async function load(channelId: string): Promise<number> {
    const { data } = await parley.client
      .query(Newest, { id: channelId }, { requestPolicy: 'network-only' })
      .toPromise();
    if (!data?.channel) throw new Error('the channel cannot be read');
    cache.reset(data.channel.messages);
    return data.channel.messages.position;
  }

  return {
    ...parley,
    received,
    texts: () => cache.get().entries.map(({ text }) => text),
    match: async () => (await parley.client.mutation(Match, {}).toPromise()).data?.match.channel?.id ?? null,
    async say(channelId: string, text: string) {
      const { data, error } = await parley.client
        .mutation(Send, { input: { channelId, text, clientId: text } })
        .toPromise();
      if (!data) throw error ?? new Error('no result');
      return data.send.message;
    },
    follow: (channelId: string) =>
      followMessages<Entry>({
        client: parley.client,
        channelId,
        document: Messages,
        load: () => load(channelId),
        onEntry(entry) {
          received.push(entry);
          cache.merge(entry);
        },
        onEnd: (failure) => {
          throw new Error(failure.message);
        },
      }),
  };
}

test('two clients on @urql/core talk, one loses the network and resumes: no message is lost or repeated, in one order', async () => {
  const ada = join(network.url, await guest(url, 'Ada'));
  const bob = join(url, await guest(url, 'Bob'));
  await ada.match();
  const channelId = (await bob.match()) ?? '';
  const following = [ada.follow(channelId), bob.follow(channelId)];
  await vi.waitFor(() => expect([ada, bob].map(({ connection }) => connection.get().state)).not.toContain('idle'));

  const talking = (async () => {
    for (let n = 0; n < 60; n++) await bob.say(channelId, `bob ${n}`);
  })();
  await vi.waitFor(() => expect(ada.texts()).toContain('bob 10'));
  network.cut();
  expect(ada.texts()).not.toContain('bob 59');
  await vi.waitFor(() => expect(ada.connection.get().state).toBe('reconnecting'));
  const said = ada.say(channelId, 'ada, on a retry').catch(() => null);
  await talking;
  network.restore();
  ada.wake();
  if ((await said) === null) await ada.say(channelId, 'ada, on a retry');
  await bob.say(channelId, 'the end');

  await vi.waitFor(() => expect(ada.texts()).toContain('the end'));
  await vi.waitFor(() => expect(bob.texts()).toContain('the end'));
  expect(bob.texts()).toHaveLength(62);
  expect(ada.texts()).toEqual(bob.texts());
  for (const { received } of [ada, bob]) {
    const positions = received.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(new Set(positions).size).toBe(positions.length);
  }
  for (const one of following) one.stop();
  ada.dispose();
  bob.dispose();
});

test("urql's own subscription exchange over graphql-ws follows a match and its messages", async () => {
  const { token } = await guest(url, 'Cleo');
  const dan = await guest(url, 'Dan');
  const authorization = `Bearer ${token}`;
  const sockets = createSocketClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
  });
  const client = createClient({
    url: `${url}/graphql`,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: sockets.subscribe({ query, variables: variables as Record<string, unknown> }, sink as never),
          }),
        }),
      }),
    ],
  });
  await client.mutation(Match, {}).toPromise();
  const channelId = (await dan.ask('mutation { match { channel { id } } }')).match.channel.id;
  const texts: string[] = [];
  const { unsubscribe } = client.subscription(Messages, { channelId, after: 0 }).subscribe(({ data }) => {
    if (data) texts.push(data.messages.text);
  });
  for (const text of ['one', 'two', 'three'])
    await dan.ask('mutation ($input: SendInput!) { send(input: $input) { message { id } } }', {
      input: { channelId, text, clientId: text },
    });
  await vi.waitFor(() => expect(texts.filter((text) => text !== '')).toEqual(['one', 'two', 'three']));
  unsubscribe();
  await sockets.dispose();
});

test('operations with a refused token run again with the renewed one, equal mutations too', async () => {
  const { token } = await guest(url, 'Eve');
  const channelId = await createRoom('Renewal');
  const session = fixedSession('not a token', token);
  const { client, dispose } = createUrqlClient({ url: `${url}/graphql`, session, webSocketImpl: WebSocket });
  const results = await Promise.all([1, 2, 3].map(() => client.mutation(Join, { channelId }).toPromise()));
  expect(results.map(({ data }) => data?.joinRoom?.id)).toEqual([channelId, channelId, channelId]);
  expect(new Set(session.refused)).toEqual(new Set(['not a token']));
  dispose();
});

test('an operation fails with UNAUTHENTICATED if the renewed token is refused too', async () => {
  const channelId = await createRoom('Refusal');
  const session = fixedSession('not a token', 'another one');
  const { client, dispose } = createUrqlClient({ url: `${url}/graphql`, session, webSocketImpl: WebSocket });
  const { error } = await client.mutation(Join, { channelId }).toPromise();
  expect(toFailure(error)?.code).toBe('UNAUTHENTICATED');
  expect(session.refused).toEqual(['not a token']);
  dispose();
});

test('queries and sends with a `clientId` are retried until the network is back, other mutations are not', async () => {
  const person = await guest(url, 'Finn');
  const channelId = (await person.ask('mutation { createRoom(input: { name: "Retry" }) { id } }')).createRoom.id;
  const finn = join(network.url, person);
  network.cut();
  const query = finn.client.query(Me, {}).toPromise();
  const send = finn.say(channelId, 'after the outage');
  const joined = await finn.client.mutation(Join, { channelId });
  expect(toFailure(joined.error)?.code).toBe('NETWORK');
  network.restore();
  expect((await query).data?.me?.name).toBe('Finn');
  expect((await send).text).toBe('after the outage');
  finn.dispose();
});
