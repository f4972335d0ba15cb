import { beforeAll, expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { queryOpenings, type RequestOpening, socketOpenings, uploadOpenings } from './mobile.ts';
import { clientFrame, connectRaw } from './raw-socket.ts';

const query = 'subscription Messages($channelId: ID!) { messages(channelId: $channelId) { text } }';
let url: string;
let ada: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  ada = await guest(url, 'Ada');
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Tea" }) { id } }')).createRoom.id;
  return app.stop;
});

test.each(socketOpenings)(
  'a subscription as $client sends it',
  async ({ client, headers, init, subscribe, complete }) => {
    const connection = await connectRaw(url);
    connection.write(fill(requestOf('GET', [...upgrade, ...headers], '')));
    const head = await connection.head();
    expect(head).toMatch(/^HTTP\/1\.1 101 .*^sec-websocket-protocol: graphql-transport-ws\r$/ims);
    expect(head, 'frames are read without compression').not.toMatch(/sec-websocket-extensions/i);

    connection.write(clientFrame(fill(init)));
    expect(JSON.parse(await connection.frame())).toEqual({ type: 'connection_ack' });
    for (const message of subscribe) connection.write(clientFrame(fill(message)));
    if (subscribe.length > 1) expect(JSON.parse(await connection.frame()).type).toBe('pong');
    const event = connection.frame();
    await expect.poll(() => saidOnceFollowed(client, event), { interval: 50 }).toBe(true);
    expect(JSON.parse(await event)).toMatchObject({
      type: 'next',
      id: JSON.parse(complete).id,
      payload: { data: { messages: { text: client } } },
    });
    connection.write(clientFrame(complete));
    connection.destroy();
  },
);

test.each(queryOpenings)('a query as $client sends it', async (opening) => {
  expect(await responseTo(opening)).toEqual({ data: { me: { name: 'Ada' } } });
});

test.each(uploadOpenings)('an upload as $client sends it', async (opening) => {
  expect(await responseTo(opening)).toEqual({ data: { upload: { id: expect.any(String) } } });
});

const upgrade = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

/** Sends a message until the subscription, which has no acknowledgement, delivers one. */
async function saidOnceFollowed(text: string, event: Promise<string>): Promise<boolean> {
  await ada.ask('mutation ($input: SendInput!) { send(input: $input) { message { id } } }', {
    input: { channelId, text },
  });
  return Promise.race([event.then(() => true), new Promise<false>((resolve) => setTimeout(resolve, 50, false))]);
}

async function responseTo({ headers, body }: RequestOpening): Promise<unknown> {
  const connection = await connectRaw(url);
  connection.write(requestOf('POST', [...headers.map(fill), 'Connection: close'], fill(body)));
  const head = await connection.head();
  expect(head).toMatch(/^HTTP\/1\.1 200 /);
  const rest = await connection.rest();
  return JSON.parse(rest.slice(rest.indexOf('{'), rest.lastIndexOf('}') + 1));
}

function requestOf(method: string, headers: readonly string[], body: string): string {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  return [`${method} /graphql HTTP/1.1`, 'Host: {host}', ...headers, ...length, '', body]
    .join('\r\n')
    .replace('{host}', new URL(url).host);
}

function fill(text: string): string {
  return text.replaceAll('{token}', ada.token).replaceAll('{query}', query).replaceAll('{channelId}', channelId);
}
