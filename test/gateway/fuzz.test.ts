import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { startGateway } from '../support/gateway.ts';
import { fetchProbe } from '../support/probes.ts';
import { openRaw } from '../support/wire.ts';

let app: Awaited<ReturnType<typeof startApp>>;
let ada: Person;
let bob: Person;
let channelId: string;

beforeAll(async () => {
  app = await startApp({ MAX_SUBSCRIPTIONS: '5' });
  [ada, bob] = await Promise.all([guest(app.url, 'Ada'), guest(app.url, 'Bob')]);
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Talk" }) { id } }')).createRoom.id;
});
afterAll(() => app.stop());

const ids = ['1', '2', '3', '', 'a longer one', '__proto__'];
const id = fc.constantFrom(...ids);
const online = 'query ($id: ID!) { node(id: $id) { ... on User { online } } }';
const operations = [
  'subscription ($id: ID!, $after: Int) { messages(channelId: $id, after: $after) { id text author { name } } }',
  'subscription ($id: ID!) { messages(channelId: $id) { author { email } } }',
  'subscription { match { id } }',
  'subscription { channels { id } }',
  'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { seq } } }',
  'query ($id: ID!) { channel(id: $id) { messages(last: 5) { nodes { text } } } }',
  'subscription { nothing }',
  'subscription {',
  '{ a: me { id } } query B { me { id } }',
];

const gatewayOperations = [
  'subscription { forever }',
  'subscription { slow }',
  'subscription { mine }',
  'subscription { removed }',
  'subscription { resync }',
  'subscription { numbers(upTo: 3) }',
  '{ hello viewer }',
  'fragment A on Query { hello }',
  'subscription {',
];

/** Messages that a client may send, in any order. */
const messageOf = (operations: readonly string[]) =>
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ type: fc.constant('connection_init') }) },
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('subscribe'),
        id,
        query: fc.constantFrom(...operations),
        after: fc.option(fc.integer({ min: -1, max: 100_000 })),
      }),
    },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('complete'), id }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('ping', 'pong') }) },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constantFrom('next', 'error', 'connection_terminate', 'nonsense'), id }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('raw'), text: fc.string() }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('control', 'drop') }) },
  );
type Sent = ReturnType<typeof messageOf> extends fc.Arbitrary<infer Value> ? Value : never;

/** Resources that the gateway holds for its clients, as its metrics report them. */
async function readHeld(): Promise<Record<string, number>> {
  const text = await (await fetchProbe(app.url, 'metrics')).text();
  const read = (name: string) => [name, Number(new RegExp(`^parley_${name} (\\d+)$`, 'm').exec(text)?.[1])] as const;
  return Object.fromEntries(['connections', 'audiences', 'feeds', 'channel_lists', 'outbox_bytes'].map(read));
}

const protocols = ['graphql-transport-ws', 'graphql-ws'] as const;
type Protocol = (typeof protocols)[number];
const legacyTypes: Record<string, string> = { subscribe: 'start', complete: 'stop' };

/** Returns the name of a message in a protocol. */
const nameIn = (protocol: Protocol, type: string) => (protocol === 'graphql-ws' ? (legacyTypes[type] ?? type) : type);

function toWire(one: Sent, token: string): string {
  if (!('query' in one)) {
    if (one.type === 'connection_init') return JSON.stringify({ ...one, payload: { token } });
    return 'text' in one ? one.text : JSON.stringify(one);
  }
  const { type, query, after } = one;
  return JSON.stringify({ type, id: one.id, payload: { query, variables: { id: channelId, after } } });
}

/**
 * Sends messages over a new socket, then completes every operation that may run on it.
 * @param protocol protocol whose names the messages get
 * @param settled waits for a condition that must hold while the socket is still open
 */
async function play(
  url: string,
  token: string,
  messages: readonly Sent[],
  protocol: Protocol,
  settled: () => Promise<void>,
) {
  const raw = await openRaw(url, { protocol });
  for (const given of messages) {
    const one = { ...given, type: nameIn(protocol, given.type) } as Sent;
    if (one.type === 'control') raw.socket.ping('x'.repeat(125));
    else if (one.type === 'drop') raw.socket.terminate();
    else raw.send(toWire(one, token));
  }
  if (messages.length % 3 === 0) for (const id of ids) raw.send({ type: nameIn(protocol, 'complete'), id });
  if (messages.length % 3 === 0) await settled();
  if (messages.length % 3 === 1) await new Promise(setImmediate);
  raw.socket.close();
  await raw.closed;
}

const hello: Sent = { type: 'connection_init' };
const protocol = fc.constantFrom(...protocols);

describe('any messages of clients in any order', () => {
  test('leave the server running, without resources for completed operations and closed connections', async () => {
    const nothing = { audiences: 0, channel_lists: 0 };
    const settled = () => vi.waitFor(async () => expect(await readHeld()).toMatchObject(nothing));
    const message = messageOf(operations);
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { maxLength: 30 }),
        fc.boolean(),
        protocol,
        async (messages, isPolite, first) => {
          const greeted = isPolite ? [hello, ...messages] : messages;
          const second = first === protocols[0] ? protocols[1] : protocols[0];
          await Promise.all([
            play(app.url, ada.token, greeted, first, settled),
            play(app.url, ada.token, [hello, ...messages], second, settled),
          ]);
          expect(await ada.ask('{ me { id } }')).toEqual({ me: { id: ada.id } });
        },
      ),
      { numRuns: 100 },
    );
    const isOnline = async () => (await bob.ask(online, { id: ada.id })).node;
    await vi.waitFor(async () => {
      expect(await readHeld()).toEqual({ connections: 0, ...nothing, feeds: 0, outbox_bytes: 0 });
      expect(await isOnline()).toEqual({ online: false });
    });
    expect(app.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('leave no streams, session watches or presence behind', async () => {
    const { gateway, backstage, url } = await startGateway({ maxSubscriptions: 5 });
    const { token, viewer } = backstage.auth.signIn();
    const settled = () => vi.waitFor(() => expect(backstage.open).toBe(0));
    const message = messageOf(gatewayOperations);
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 30 }), protocol, async (messages, spoken) => {
        await play(url, token, [hello, ...messages], spoken, settled);
        await vi.waitFor(() => expect(gateway.connections()).toBe(0));
        await settled();
        expect([backstage.auth.watched(), backstage.connected.get(viewer.userId) ?? 0]).toEqual([0, 0]);
      }),
      { numRuns: 150 },
    );
    await gateway.stop();
  });
});
