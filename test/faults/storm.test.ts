import { rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openWire, type Wire } from '../bench/wire.ts';
import { guest, type Person } from '../support/client.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { readCursor } from '../support/followers.ts';
import { readHistory } from '../support/history.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';

let server: ServerProcess;
let directory: string;

beforeAll(async () => {
  directory = await createDataDirectory('parley-');
  server = await startProcess({ DATA_DIR: directory });
});
afterAll(async () => {
  await server.kill();
  await rm(directory, { recursive: true });
});

const clients = 5_000;
const people = 100;
/** The ways of following, each with its variables. */
const ways = {
  messages: {
    query:
      'subscription ($id: ID!, $after: Int!) { messages(channelId: $id, after: $after) { position text author { name } } }',
    variables: ({ id, last }: Follower) => ({ id, after: last }),
  },
  updates: {
    query:
      'subscription ($after: String) { updates(after: $after) { cursor event { ... on MessageChanged { message { position text author { name } } } } } }',
    variables: ({ cursor }: Follower) => ({ after: cursor }),
  },
} as const;
type Way = keyof typeof ways;
const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { position } } }';

/** Client that keeps the highest position it has received, and counts gaps. */
interface Follower {
  way: Way;
  token: string;
  id: string;
  /** Newest cursor of `updates`. */
  cursor: string;
  last: number;
  /** Position that this connection has received; null before the first one. */
  present: number | null;
  gaps: number;
  /** Number of times that the server closed the connection. */
  refusals: number;
  /** Null once it has left. */
  wire: Wire | null;
}

async function connect(follower: Follower): Promise<void> {
  const address = { port: Number(new URL(server.url).port), path: '/graphql', protocol: 'graphql-transport-ws' };
  const { query, variables } = ways[follower.way];
  follower.present = null;
  const opened = await openWire(address, (bytes, wire) => {
    const text = bytes.toString('latin1');
    if (text.includes('connection_ack'))
      wire.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables: variables(follower) } }));
    follower.cursor = /"cursor":"([^"]+)"/.exec(text)?.[1] ?? follower.cursor;
    const found = /"position":(\d+)/.exec(text);
    if (found) take(follower, Number(found[1]));
  });
  follower.wire = opened;
  opened.socket.once('close', () => void connectLater(follower, opened));
  opened.send(JSON.stringify({ type: 'connection_init', payload: { token: follower.token } }));
}

/** Connects again as clients do, some time after the server has closed the connection because it has too much to do (1013). */
async function connectLater(follower: Follower, closed: Wire): Promise<void> {
  if (follower.wire !== closed) return;
  follower.refusals++;
  await setTimeout(1_000 + Math.random() * 2_000);
  if (follower.wire === closed) await connectAll([follower]);
}

function leave(followers: readonly Follower[]): void {
  for (const follower of followers) {
    const { wire } = follower;
    follower.wire = null;
    wire?.close();
  }
}

/** After a reconnect, updates may begin with some that were received before. */
function take(follower: Follower, position: number): void {
  const { way, last, present } = follower;
  const isNext = present === null && way === 'updates' ? position <= last + 1 : position === (present ?? last) + 1;
  if (!isNext) follower.gaps++;
  follower.present = position;
  follower.last = Math.max(last, position);
}

/** Connects all followers, and retries as clients do if a connection is refused. */
function connectAll(followers: readonly Follower[]): Promise<unknown> {
  const keepTrying = (follower: Follower): Promise<void> =>
    connect(follower).catch(() => setTimeout(100).then(() => keepTrying(follower)));
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

test.each(['messages', 'updates'] as const)(
  'five thousand clients of %s that lose their connections at once reconnect without gaps while others send',
  async (way) => {
    const crowd = await Promise.all(Array.from({ length: people }, (_, n) => guest(server.url, `Guest ${n}`)));
    const host = await guest(server.url, 'Host');
    const id = await openRoom(host, crowd);
    const cursor = await readCursor(server.url, host.token);
    const { position: last } = (await readHistory(server.url, host.token, id)).at(-1);
    const followers = Array.from({ length: clients }, (_, n): Follower => {
      const { token } = crowd[n % people] as Person;
      return { way, token, id, cursor, last, present: null, gaps: 0, refusals: 0, wire: null };
    });
    for (let n = 0; n < clients; n += 100) await connectAll(followers.slice(n, n + 100));
    const before = await talk(host, id)();
    await reached(followers, before);

    const stop = talk(host, id);
    await reached(followers, before + 20);
    leave(followers);
    const begin = performance.now();
    const sent = (await host.ask(send, { id })).send.message.position;
    await connectAll(followers);
    const connected = performance.now();
    const newest = await stop();
    await reached(followers, newest);
    const took = performance.now() - begin;
    expect(followers.filter(({ gaps }) => gaps > 0)).toEqual([]);
    expect(newest - sent).toBeGreaterThan(0);
    leave(followers);
    const refused = followers.filter(({ refusals }) => refusals > 0).length;
    console.info(
      `${clients} clients of ${way} were connected again after ${((connected - begin) / 1_000).toFixed(1)} s and live after ${(took / 1_000).toFixed(1)} s; ${newest - sent} messages were sent meanwhile, and ${refused} clients were told to come back later`,
    );
  },
);
