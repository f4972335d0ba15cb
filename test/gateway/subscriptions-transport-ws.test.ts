import { SubscriptionClient } from 'subscriptions-transport-ws';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from '../support/app.ts';
import { type Data, guest, type Person } from '../support/client.ts';
import { startGateway } from '../support/gateway.ts';

let app: Awaited<ReturnType<typeof startApp>>;
let ada: Person;
let channelId: string;

beforeAll(async () => {
  app = await startApp();
  ada = await guest(app.url, 'Ada');
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Talk" }) { id } }')).createRoom.id;
});
afterAll(() => app.stop());

const follow = `subscription ($channelId: ID!, $after: Int) {
  messages(channelId: $channelId, after: $after) { position text author { name } }
}`;
const send = `mutation ($channelId: ID!, $text: String!) {
  send(input: { channelId: $channelId, text: $text }) { message { text } }
}`;
const say = (text: string) => ada.ask(send, { channelId, text });

/** Opens a client as its documentation does, which is closed at the end of the test. */
function open(
  url: string,
  connectionParams: object | (() => object),
  onConnection: (error?: unknown) => void = () => {},
) {
  const sockets: WebSocket[] = [];
  class TrackedSocket extends WebSocket {
    constructor(address: string, protocols?: string | string[]) {
      super(address, protocols);
      sockets.push(this);
    }
  }
  const options = { reconnect: true, connectionParams, connectionCallback: onConnection };
  const client = new SubscriptionClient(`${url.replace('http', 'ws')}/graphql`, options, TrackedSocket);
  onTestFinished(() => client.close());
  return { client, sockets };
}

/** Subscribes, and collects the results, the errors and whether it is complete. */
function run(client: SubscriptionClient, query: string, variables: object = {}) {
  const seen = { results: [] as Data[], errors: [] as Data[], isComplete: false, unsubscribe: () => {} };
  const { unsubscribe } = client.request({ query, variables }).subscribe({
    next: (result) => void seen.results.push(result),
    error: (error) => void seen.errors.push(error),
    complete: () => {
      seen.isComplete = true;
    },
  });
  return Object.assign(seen, { unsubscribe });
}

describe('the client subscriptions-transport-ws', () => {
  test('follows a room, sends over the same socket, and resumes without a gap after a lost connection', async () => {
    await say('before');
    const { client, sockets } = open(app.url, { authToken: ada.token });
    const followed: ReturnType<typeof run> = run(client, follow, {
      channelId,
      get after() {
        return followed.results.at(-1)?.data.messages.position ?? 0;
      },
    });
    const texts = () => followed.results.map(({ data }) => data.messages.text).filter((text) => text !== '');
    await vi.waitFor(() => expect(texts()).toEqual(['before']));
    const sent = run(client, send, { channelId, text: 'live' });
    await vi.waitFor(() => expect(texts()).toEqual(['before', 'live']));
    await vi.waitFor(() => expect(sent.isComplete).toBe(true));
    expect(sent.results).toEqual([{ data: { send: { message: { text: 'live' } } } }]);
    sockets.at(-1)?.terminate();
    for (let n = 0; n < 30; n++) await say(`away ${n}`);
    const missed = Array.from({ length: 30 }, (_, n) => `away ${n}`);
    await vi.waitFor(() => expect(texts()).toEqual(['before', 'live', ...missed]));
    expect(followed.errors).toEqual([]);
  });

  test('gets the error of an operation with its code, and stays connected', async () => {
    const { client, sockets } = open(app.url, { Authorization: ada.token });
    const [wrong, refused] = [run(client, '{ nothing }'), run(client, follow, { channelId: 'unknown' })];
    await vi.waitFor(() => expect(wrong.errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]));
    await vi.waitFor(() => expect(refused.isComplete).toBe(true));
    expect(refused.results).toMatchObject([{ errors: [{ extensions: { code: expect.any(String) } }] }]);
    expect(sockets).toHaveLength(1);
  });

  test('learns that its token is invalid, and reconnects with a fresh one', async () => {
    const tokens = ['forged', ada.token];
    const onConnection = vi.fn();
    const { client } = open(app.url, () => ({ headers: { Authorization: `Bearer ${tokens.shift()}` } }), onConnection);
    const me = run(client, '{ me { id } }');
    await vi.waitFor(() => expect(me.results).toEqual([{ data: { me: { id: ada.id } } }]));
    expect(onConnection.mock.calls).toEqual([
      [{ message: expect.any(String), extensions: { code: 'UNAUTHENTICATED' } }],
      [],
    ]);
  });

  test('reconnects and goes on when the server was restarted', async () => {
    const first = await startGateway();
    const port = first.gateway.port();
    const { client, sockets } = open(first.url, {});
    const followed = run(client, 'subscription { forever }');
    await vi.waitFor(() => expect(followed.results).toHaveLength(1));
    await first.gateway.stop();
    const second = await startGateway({ port });
    await vi.waitFor(() => expect(followed.results).toHaveLength(2));
    expect(sockets.length).toBeGreaterThan(1);
    followed.unsubscribe();
    await vi.waitFor(() => expect(second.backstage.open).toBe(0));
    client.close();
    await vi.waitFor(() => expect(second.gateway.connections()).toBe(0));
    await second.gateway.stop();
  });
});
