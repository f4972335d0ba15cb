import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { openRaw } from '../support/wire.ts';

let app: Awaited<ReturnType<typeof startApp>>;
let ada: Person;
let channelId: string;

beforeAll(async () => {
  app = await startApp({ MAX_SUBSCRIPTIONS: '5' });
  ada = await guest(app.url, 'Ada');
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Talk" }) { id } }')).createRoom.id;
});
afterAll(() => app.stop());

const id = fc.constantFrom('1', '2', '3', '', 'a longer one', '__proto__');
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

/** What a client may send, in any order. */
const message = fc.oneof(
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
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('next', 'error', 'nonsense'), id }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('raw'), text: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('control', 'drop') }) },
);
type Sent = typeof message extends fc.Arbitrary<infer Value> ? Value : never;

/** What the gateway holds for its clients, and what it has given them. */
async function held(): Promise<Record<string, number>> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const read = (name: string) => [name, Number(new RegExp(`^parley_${name} (\\d+)$`, 'm').exec(text)?.[1])] as const;
  return Object.fromEntries(['connections', 'audiences', 'feeds', 'channel_lists', 'outbox_bytes'].map(read));
}

function toWire(one: Sent): string {
  if (!('query' in one)) {
    if (one.type === 'connection_init') return JSON.stringify({ ...one, payload: { token: ada.token } });
    return 'text' in one ? one.text : JSON.stringify(one);
  }
  const { type, query, after } = one;
  return JSON.stringify({ type, id: one.id, payload: { query, variables: { id: channelId, after } } });
}

async function play(messages: readonly Sent[]): Promise<void> {
  const raw = await openRaw(app.url);
  for (const one of messages) {
    if (one.type === 'control') raw.socket.ping('x'.repeat(125));
    else if (one.type === 'drop') raw.socket.terminate();
    else raw.send(toWire(one));
  }
  if (messages.length % 3 > 0) await new Promise(setImmediate);
  raw.socket.close();
  await raw.closed;
}

describe('whatever clients send in whichever order', () => {
  test('the server goes on, and holds nothing for those who have gone', async () => {
    const hello: Sent = { type: 'connection_init' };
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 30 }), fc.boolean(), async (messages, isPolite) => {
        await Promise.all([play(isPolite ? [hello, ...messages] : messages), play([hello, ...messages])]);
        expect(await ada.ask('{ me { id } }')).toEqual({ me: { id: ada.id } });
      }),
      { numRuns: 150 },
    );
    await vi.waitFor(
      async () =>
        expect(await held()).toEqual({ connections: 0, audiences: 0, feeds: 0, channel_lists: 0, outbox_bytes: 0 }),
      { timeout: 20_000, interval: 200 },
    );
    expect(app.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  }, 120_000);
});
