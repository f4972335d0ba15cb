import { EventSource } from 'undici';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Data, guest, type Person } from '../support/client.ts';
import { startNetwork } from '../support/network.ts';
import { openEvents } from '../support/wire.ts';

let app: Awaited<ReturnType<typeof startApp>>;
let network: Awaited<ReturnType<typeof startNetwork>>;
let ada: Person;
let channelId: string;
/** Texts that may not be logged. */
const secrets: string[] = [];

beforeAll(async () => {
  app = await startApp({ LOG_LEVEL: 'debug' });
  network = await startNetwork(app.url);
  ada = await guest(app.url, 'Ada');
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Talk" }) { id } }')).createRoom.id;
});
afterAll(async () => {
  await network.stop();
  await app.stop();
});

const messages = 'subscription ($id: ID!) { messages(channelId: $id) { text position } }';

async function say(text: string): Promise<void> {
  const send = 'mutation ($input: SendInput!) { send(input: $input) { message { position } } }';
  await ada.ask(send, { input: { channelId, text } });
}

async function createTicket(): Promise<string> {
  const { ticket } = (await ada.ask('mutation { createStreamTicket { ticket expiresAt } }')).createStreamTicket;
  secrets.push(ticket);
  return ticket;
}

function urlOf(ticket: string, query = messages, base = app.url): string {
  return `${base}/graphql?${new URLSearchParams({ query, variables: JSON.stringify({ id: channelId }), ticket })}`;
}

async function codeOf(url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const stream = await openEvents(url, { headers });
  const event = await stream.next();
  stream.abort();
  return event?.data?.errors?.[0]?.extensions.code;
}

it('lets EventSource follow a channel, and resume by itself without loss or repetition', async () => {
  const url = urlOf(await createTicket(), messages, network.url);
  const source = new EventSource(url);
  const seen: string[] = [];
  let opened = 0;
  source.addEventListener('open', () => opened++);
  source.addEventListener('next', ({ data, lastEventId }: Data) => {
    const { data: result, errors } = JSON.parse(data);
    seen.push(result?.messages.text ?? errors[0].extensions.code);
    secrets.push(lastEventId.split('~')[1]);
  });
  await vi.waitFor(() => expect(opened).toBe(1));
  for (const [n, text] of ['before any event', 'later'].entries()) {
    network.cut();
    await say(`Missed ${text}`);
    network.restore();
    await vi.waitFor(() => expect(seen).toHaveLength(2 * n + 1));
    await say(`Live ${text}`);
    await vi.waitFor(() => expect(seen).toHaveLength(2 * n + 2));
  }
  expect(seen).toEqual(['Missed before any event', 'Live before any event', 'Missed later', 'Live later']);
  source.close();
  expect(await codeOf(url)).toBe('UNAUTHENTICATED');
});

it('opens subscriptions alone, by GET', async () => {
  expect(await codeOf(urlOf(await createTicket(), '{ me { name } }'))).toBe('BAD_REQUEST');
  const body = JSON.stringify({ query: messages, variables: { id: channelId } });
  const headers = { 'content-type': 'application/json' };
  const posted = await openEvents(urlOf(await createTicket()), { method: 'POST', headers, body });
  expect(await posted.next()).toMatchObject({ data: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
});

it('gives way to the header Authorization', async () => {
  const ticket = await createTicket();
  expect(await codeOf(urlOf(ticket), { authorization: 'Bearer wrong' })).toBe('UNAUTHENTICATED');
  const stream = await openEvents(urlOf(ticket));
  await say('Read');
  expect(await stream.next()).toMatchObject({ data: { data: { messages: { text: 'Read' } } } });
  stream.abort();
});

it('ends its stream with its session', async () => {
  const bob = await guest(app.url, 'Bob');
  const { ticket } = (await bob.ask('mutation { createStreamTicket { ticket } }')).createStreamTicket;
  const stream = await openEvents(urlOf(ticket, 'subscription { channels { __typename } }'));
  await bob.ask('mutation { logout }');
  expect(await stream.next()).toMatchObject({ data: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
});

it('is in no log and no Referer', async () => {
  const url = urlOf(await createTicket());
  const response = await fetch(`${url}x`, { headers: { accept: 'text/event-stream' } });
  await response.body?.cancel();
  expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  const log = JSON.stringify([app.logger.lines, app.logger.childLines]);
  expect(log).toContain('/graphql');
  for (const secret of secrets) expect(log).not.toContain(secret);
});
