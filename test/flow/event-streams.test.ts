import { beforeAll, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Data, guest, type Person } from '../support/client.ts';
import { type EventStream, openEvents, openStream } from '../support/wire.ts';

let url: string;
let ada: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  ada = await guest(url, 'Ada');
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Talk" }) { id } }')).createRoom.id;
  return app.stop;
});

const messages = 'subscription ($id: ID!, $after: Int) { messages(channelId: $id, after: $after) { text position } }';

async function say(text: string): Promise<number> {
  const send = 'mutation ($input: SendInput!) { send(input: $input) { message { position } } }';
  return (await ada.ask(send, { input: { channelId, text } })).send.message.position;
}

async function position(): Promise<number> {
  return (await ada.ask('query ($id: ID!) { channel(id: $id) { position } }', { id: channelId })).channel.position;
}

/** Subscribes as a client does whose last event had this id. */
function resume(lastEventId: string | number, query = messages, variables: object = { id: channelId }) {
  return openStream(url, query, { token: ada.token, variables, headers: { 'last-event-id': String(lastEventId) } });
}

async function nextText(stream: EventStream): Promise<[text: string, id: string | undefined]> {
  const { data, id }: Data = await stream.next();
  return [data.data.messages.text, id];
}

it('gives each message its position as the id', async () => {
  const stream = await openStream(url, messages, { token: ada.token, variables: { id: channelId } });
  for (const text of ['One', 'Two']) {
    const at = await say(text);
    expect(await nextText(stream)).toEqual([text, String(at)]);
  }
  stream.abort();
});

it('begins with the id of its start, and the time after which to connect again', async () => {
  const at = await position();
  const query = new URLSearchParams({ query: messages, variables: JSON.stringify({ id: channelId }) });
  const headers = { accept: 'text/event-stream', authorization: `Bearer ${ada.token}` };
  const response = await fetch(`${url}/graphql?${query}`, { headers });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = (await reader?.read()) ?? {};
  await reader?.cancel();
  expect(value).toMatch(new RegExp(`^:\nretry: \\d{4}\nid: ${at}\n\n$`));
});

it.each(['multipart/mixed;subscriptionSpec=1.0', 'text/event-stream'])(
  'is passed on at once, unchanged, and kept by nobody: %s',
  async (accept) => {
    const stream = await openEvents(`${url}/graphql`, {
      method: 'POST',
      headers: { accept, authorization: `Bearer ${ada.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: messages, variables: { id: channelId } }),
    });
    stream.abort();
    expect(stream.headers.get('cache-control')).toBe('no-store, no-transform');
    expect(stream.headers.get('x-accel-buffering')).toBe('no');
    expect(stream.headers.get('content-encoding')).toBeNull();
  },
);

it.each([
  ['without `after`', messages, () => ({})],
  ['with `after` as a variable', messages, (now: number) => ({ after: now })],
  [
    'with `after` in the text',
    'subscription ($id: ID!) { renamed: messages(channelId: $id, after: 0) { text } }',
    () => ({}),
  ],
])('resumes after `Last-Event-ID`, %s', async (_how, query, more) => {
  const at = await say('Read');
  const missed = await say('Missed');
  const stream = await resume(at, query, { id: channelId, ...more(missed) });
  const { data, id } = (await stream.next()) ?? {};
  expect(Object.values(data?.data ?? {})).toMatchObject([{ text: 'Missed' }]);
  expect(id).toBe(String(missed));
  stream.abort();
});

it('refuses an id from which it cannot resume', async () => {
  const codeOf = async (id: string | number) => {
    const stream = await resume(id);
    const event = await stream.next();
    stream.abort();
    return event?.data?.errors?.[0]?.extensions;
  };
  expect(await codeOf((await position()) + 1)).toMatchObject({ code: 'RESYNC_REQUIRED' });
  for (const id of ['-1', '1.5', 'abc', '1e3', '2147483648', '12345678901'])
    expect(await codeOf(id)).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'Last-Event-ID' }] });
});

it('reads `Last-Event-ID` for the field `messages` of server-sent events alone', async () => {
  const headers = { 'last-event-id': 'abc', authorization: `Bearer ${ada.token}` };
  const channels = await resume('abc', 'subscription { channels { __typename } }', {});
  await say('Listed');
  expect(await channels.next()).toEqual({ event: 'next', data: { data: { channels: expect.anything() } } });
  channels.abort();
  const query = await openEvents(`${url}/graphql?query={me{name}}`, { headers });
  expect(await query.next()).toMatchObject({ data: { data: { me: { name: 'Ada' } } } });
  const body = JSON.stringify({ query: messages, variables: { id: channelId, after: 0 } });
  const accept = 'multipart/mixed;subscriptionSpec=1.0';
  const init = { method: 'POST', body, headers: { ...headers, accept, 'content-type': 'application/json' } };
  const reader = (await fetch(`${url}/graphql`, init)).body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('"payload"')) text += (await reader?.read())?.value;
  await reader?.cancel();
  expect(text).not.toContain('errors');
});

it.each([
  ['application/graphql-response+json', 400],
  ['application/json', 200],
  ['text/event-stream', 200],
])('gives a query that costs too much its status: %s', async (accept, status) => {
  const query = '{ me { channels(first: 100) { nodes { messages(last: 100) { nodes { id } } } } } }';
  const headers = { accept, authorization: `Bearer ${ada.token}` };
  const response = await fetch(`${url}/graphql?${new URLSearchParams({ query })}`, { headers });
  expect(response.status).toBe(status);
  expect(await response.text()).toContain('"code":"BAD_REQUEST"');
});
