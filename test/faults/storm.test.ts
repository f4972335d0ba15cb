import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openWire, type Wire } from '../bench/wire.ts';
import { guest, type Person } from '../support/client.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';

let server: ServerProcess;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-'));
  server = await startProcess({ DATA_DIR: directory });
});
afterAll(async () => {
  await server.kill();
  await rm(directory, { recursive: true });
});

const clients = 5_000;
const people = 100;
const query =
  'subscription ($id: ID!, $after: Int!) { messages(channelId: $id, after: $after) { position text author { name } } }';
const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { position } } }';

/** Client that keeps the highest position it has received, and counts gaps. */
interface Follower {
  token: string;
  last: number;
  gaps: number;
  wire: Wire | null;
}

async function connect(follower: Follower, id: string): Promise<void> {
  const address = { port: Number(new URL(server.url).port), path: '/graphql', protocol: 'graphql-transport-ws' };
  follower.wire = await openWire(address, (text, wire) => {
    const found = /"position":(\d+)/.exec(text.toString('latin1'));
    if (text.includes('connection_ack')) {
      const payload = { query, variables: { id, after: follower.last } };
      wire.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
    }
    if (found === null) return;
    const position = Number(found[1]);
    if (position !== follower.last + 1) follower.gaps++;
    follower.last = position;
  });
  follower.wire.send(JSON.stringify({ type: 'connection_init', payload: { token: follower.token } }));
}

/** Connects all followers, and retries as clients do if a connection is refused. */
function connectAll(followers: readonly Follower[], id: string): Promise<unknown> {
  const keepTrying = (follower: Follower): Promise<void> =>
    connect(follower, id).catch(() => setTimeout(100).then(() => keepTrying(follower)));
  return Promise.all(followers.map(keepTrying));
}

/** Sends one message after another. Returns a function that stops it and resolves with the last position. */
function talk(sender: Person, id: string): () => Promise<number> {
  let isOver = false;
  const talking = (async () => {
    let position = 0;
    while (!isOver) position = (await sender.ask(send, { id })).send.message.position;
    return position;
  })();
  return () => {
    isOver = true;
    return talking;
  };
}

async function openRoom(host: Person, others: readonly Person[]): Promise<string> {
  const { id } = (await host.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom;
  const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
  await Promise.all(others.map((one) => one.ask(join, { id })));
  return id;
}

function reached(followers: readonly Follower[], position: number): Promise<void> {
  return vi.waitFor(() => expect(followers.filter(({ last }) => last < position)).toHaveLength(0));
}

test('five thousand clients that lose their connections at once reconnect without gaps while others send', async () => {
  const crowd = await Promise.all(Array.from({ length: people }, (_, n) => guest(server.url, `Guest ${n}`)));
  const host = await guest(server.url, 'Host');
  const id = await openRoom(host, crowd);
  const followers = Array.from({ length: clients }, (_, n): Follower => {
    return { token: crowd[n % people]?.token ?? '', last: 0, gaps: 0, wire: null };
  });
  for (let n = 0; n < clients; n += 100) await connectAll(followers.slice(n, n + 100), id);
  const before = await talk(host, id)();
  await reached(followers, before);

  const stop = talk(host, id);
  await reached(followers, before + 20);
  for (const { wire } of followers) wire?.close();
  const begin = performance.now();
  const sent = (await host.ask(send, { id })).send.message.position;
  await connectAll(followers, id);
  const connected = performance.now();
  const last = await stop();
  await reached(followers, last);
  const took = performance.now() - begin;
  expect(followers.filter(({ gaps }) => gaps > 0)).toEqual([]);
  expect(last - sent).toBeGreaterThan(0);
  console.info(
    `${clients} clients were connected again after ${((connected - begin) / 1_000).toFixed(1)} s and live after ${(took / 1_000).toFixed(1)} s; ${last - sent} messages were sent meanwhile`,
  );
});
