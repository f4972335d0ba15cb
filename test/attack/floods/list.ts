import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { getIntrospectionQuery } from 'graphql';
import sharp from 'sharp';
import { WebSocket } from 'ws';
import { toSubscribe } from '../single/requests.ts';
import type { Crowd } from './crowd.ts';

/** Attack by many requests, for some seconds. */
interface Flood {
  name: string;
  run(crowd: Crowd, member: string): Promise<void>;
}

const heavy =
  '{ me { channels(first: 20) { nodes { messages(last: 100) { nodes { id seq position kind text sentAt clientId } } } } } }';
const rooms = '{ rooms(first: 100) { nodes { id name onlineCount members(first: 20) { nodes { id name } } } } }';
const login = 'mutation ($input: LoginInput!) { login(input: $input) { token } }';

/** The floods of the suite. Each ends with its crowd's time. */
export const floods: readonly Flood[] = [
  { name: 'heavy queries of one member over one socket', run: (crowd, member) => askOverSocket(crowd, member, heavy) },
  {
    name: 'heavy queries of one guest over one socket',
    run: async (crowd) => askOverSocket(crowd, (await crowd.guest()).token, rooms),
  },
  { name: 'introspection in batches', run: (crowd) => introspect(crowd) },
  { name: 'sockets without a token', run: (crowd) => crowd.loops(20, () => openSocket(crowd)) },
  { name: 'half-sent bodies', run: (crowd) => crowd.loops(20, () => sendHalf(crowd)) },
  { name: 'fragments on sockets', run: (crowd) => crowd.loops(20, () => sendFragments(crowd)) },
  {
    name: 'new guests',
    run: (crowd) =>
      crowd.loops(10, () =>
        crowd.post(JSON.stringify({ query: 'mutation { guest(input: { name: "Guest" }) { token } }' })),
      ),
  },
  { name: 'password log-ins', run: (crowd) => crowd.loops(20, () => logIn(crowd)) },
  { name: 'pictures', run: uploadPictures },
  { name: 'subscriptions', run: subscribe },
  { name: 'messages of one guest', run: sendMessages },
  { name: 'variables of 1 MB', run: (crowd) => crowd.loops(8, () => crowd.post(wrongVariables)) },
];

const wrongVariables = JSON.stringify({
  query: 'mutation ($ids: [ID!]) { send(input: { channelId: "c", attachmentIds: $ids }) { message { id } } }',
  variables: { ids: Array.from({ length: 300_000 }, () => ({})) },
});

/** Returns a flood by its name. */
export function findFlood(name: string): Flood {
  const found = floods.find((flood) => flood.name === name);
  if (found === undefined) throw new Error(`there is no flood ${name}`);
  return found;
}

/** Keeps fifty operations running on one socket. */
async function askOverSocket(crowd: Crowd, token: string, query: string): Promise<void> {
  const socket = await crowd.socket(token);
  let next = 0;
  const ask = () => {
    if (!crowd.isOn() || socket?.readyState !== WebSocket.OPEN) return;
    crowd.count();
    socket.send(toSubscribe({ query }, String(next++)));
  };
  socket?.on('message', (data) => /"type":"(complete|error)"/.test(String(data).slice(-200)) && setImmediate(ask));
  for (let n = 0; n < 50; n++) ask();
  await crowd.over;
}

async function introspect(crowd: Crowd): Promise<void> {
  const body = JSON.stringify(Array.from({ length: 10 }, () => ({ query: getIntrospectionQuery() })));
  await crowd.loops(16, () => crowd.post(body));
}

/** Opens a socket and keeps it. A refusal is not tried again at once: the attacker's own processor would be the limit. */
async function openSocket(crowd: Crowd): Promise<void> {
  crowd.count();
  if ((await crowd.socket(null)) === null) await setTimeout(5);
}

async function sendHalf(crowd: Crowd): Promise<void> {
  crowd.count();
  const socket = await crowd.connect();
  socket?.write(
    'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{',
  );
  await setTimeout(5);
}

/** Sends messages of many fragments until the socket is closed. */
async function sendFragments(crowd: Crowd): Promise<void> {
  const socket = await crowd.socket(null);
  const fragment = 'a'.repeat(1_000);
  for (let n = 0; crowd.isOn() && socket?.readyState === WebSocket.OPEN; n++) {
    crowd.count();
    socket.send(fragment, { fin: n % 120 === 119 });
    if (n % 20 === 0) await new Promise(setImmediate);
  }
  await setTimeout(5);
}

async function logIn(crowd: Crowd): Promise<void> {
  const input = { email: `${Math.random()}@example.org`, password: 'correct horse battery' };
  await crowd.post(JSON.stringify({ query: login, variables: { input } }));
}

async function uploadPictures(crowd: Crowd): Promise<void> {
  const { token } = await crowd.guest();
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  const picture = await sharp({ create: { width: 1_500, height: 1_500, channels: 3, background: 'red', noise } })
    .jpeg()
    .toBuffer();
  const part = (head: string, body: string | Buffer) =>
    Buffer.concat([
      Buffer.from(`--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
      Buffer.from(body),
      Buffer.from('\r\n'),
    ]);
  const query = 'mutation ($file: Upload!) { upload(file: $file) { id } }';
  const body = Buffer.concat([
    part('name="operations"', JSON.stringify({ query, variables: { file: null } })),
    part('name="map"', '{"0":["variables.file"]}'),
    part('name="0"; filename="a.jpg"', picture),
    Buffer.from('--b--\r\n'),
  ]);
  const headers = { 'Content-Type': 'multipart/form-data; boundary=b', Authorization: `Bearer ${token}` };
  await crowd.loops(10, () => crowd.post(body, headers));
}

/** Opens and ends subscriptions, as many at once as a socket may have, on all sockets that a user may have. */
async function subscribe(crowd: Crowd): Promise<void> {
  const { token } = await crowd.guest();
  await crowd.loops(50, async () => {
    const socket = await crowd.socket(token);
    for (let n = 0; crowd.isOn() && socket?.readyState === WebSocket.OPEN; n++) {
      crowd.count();
      socket.send(toSubscribe({ query: 'subscription { channels { id } }' }, String(n % 100)));
      if (n >= 99) socket.send(JSON.stringify({ type: 'complete', id: String((n + 1) % 100) }));
      if (n % 10 === 9) await setTimeout(50);
    }
    await setTimeout(5);
  });
}

async function sendMessages(crowd: Crowd): Promise<void> {
  const guest = await crowd.guest();
  const { createRoom } = await guest.ask('mutation { createRoom(input: { name: "Loud" }) { id } }');
  const query = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }';
  const socket = await crowd.socket(guest.token);
  for (let n = 0; crowd.isOn() && socket?.readyState === WebSocket.OPEN; n++) {
    crowd.count();
    socket.send(toSubscribe({ query, variables: { id: createRoom.id } }, String(n)));
    if (n % 50 === 49) await Promise.race([once(socket, 'message'), crowd.over]);
  }
  await crowd.over;
}
