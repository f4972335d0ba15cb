import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { guest, type Person } from '../support/client.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { openSocket, type RawSocket } from '../support/wire.ts';

let server: ServerProcess;
let directory: string;
let ada: Person;

beforeAll(async () => {
  directory = await createDataDirectory('parley-');
  server = await startProcess({ DATA_DIR: directory, MAX_REPLAY: '1000000' });
  ada = await guest(server.url, 'Ada');
});
afterAll(async () => {
  await server.kill();
  await rm(directory, { recursive: true });
});

const entries = 50_000;
const inFlight = 64;
/** Maximum growth of the server's memory while one client stalls, in MB. The calm run before it warms the server up. */
const maxGrowth = 256;

const send = `mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { seq } } }`;
const messages = `subscription ($id: ID!, $after: Int) {
  messages(channelId: $id, after: $after) { position text author { name } } }`;

/** Subscriber of a room, with the entries it has received. */
interface Reader {
  raw: RawSocket;
  positions: number[];
  /** Times from send to delivery, in milliseconds. */
  delays: number[];
}

async function follow(id: string, after: number): Promise<Reader> {
  const raw = await openSocket(server.url, { token: ada.token });
  const reader: Reader = { raw, positions: [], delays: [] };
  raw.subscribe('1', messages, { id, after });
  raw.socket.on('message', (data) => {
    const { payload } = JSON.parse(String(data));
    const { position, text } = payload.data.messages;
    reader.positions.push(position);
    reader.delays.push(performance.now() - Number(text));
  });
  return reader;
}

/** Sends all entries, with a limited number in flight, and waits until every one is acknowledged. */
async function sendAll(id: string, count: number): Promise<void> {
  const raw = await openSocket(server.url, { token: ada.token });
  let [sent, acknowledged] = [0, 0];
  const next = () => {
    if (sent < count) raw.subscribe(String(sent++), send, { id, text: performance.now().toFixed(2) });
  };
  await new Promise<void>((resolve, reject) => {
    raw.socket.on('message', (data) => {
      const { type, payload } = JSON.parse(String(data));
      if (payload?.errors) reject(new Error(JSON.stringify(payload)));
      if (type !== 'complete') return;
      acknowledged++;
      if (acknowledged === count) resolve();
      next();
    });
    for (let n = 0; n < inFlight; n++) next();
  });
  raw.socket.close();
}

async function openRoom(): Promise<string> {
  return (await ada.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom.id;
}

/** Reads the resident memory of the server, in MB. */
async function memory(): Promise<number> {
  const status = await readFile(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

function p99({ delays }: Reader): number {
  return [...delays].sort((a, b) => a - b)[Math.floor(delays.length * 0.99)] ?? 0;
}

const dense = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test('a client that stops reading delays no other, is closed with 1013, and gets the rest after it reconnects', async () => {
  const calm = await openRoom();
  const undisturbed = await Promise.all([1, 2, 3].map(() => follow(calm, 0)));
  await sendAll(calm, entries);
  await vi.waitFor(() =>
    expect(undisturbed.map(({ positions }) => positions.length)).toEqual([1, 1, 1].map(() => entries + 1)),
  );

  const room = await openRoom();
  const others = await Promise.all([1, 2, 3].map(() => follow(room, 0)));
  const stalled = await follow(room, 0);
  await vi.waitFor(() => expect(stalled.positions).toEqual([1]));
  stalled.raw.socket.pause();
  const before = await memory();
  await sendAll(room, entries);
  const all = dense(1, entries + 1);
  await vi.waitFor(() =>
    expect(others.map(({ positions }) => positions.length)).toEqual([1, 1, 1].map(() => all.length)),
  );
  for (const { positions } of others) expect(positions).toEqual(all);
  const after = await memory();
  expect(after - before).toBeLessThan(maxGrowth);

  stalled.raw.socket.resume();
  expect(await stalled.raw.closed).toEqual({ code: 1013, reason: 'Read faster' });
  const got = stalled.positions.at(-1) ?? 0;
  expect(stalled.positions).toEqual(dense(1, got));
  const back = await follow(room, got);
  await vi.waitFor(() => expect(back.positions.length).toBe(all.length - got));
  expect(back.positions).toEqual(dense(got + 1, all.length));
  const delay = Math.max(...others.map(p99)) / Math.max(...undisturbed.map(p99));
  console.info(
    `stalled after ${got} of ${all.length}; the others' p99 is ${delay.toFixed(2)} times that without a staller; the server grew from ${before.toFixed(0)} to ${after.toFixed(0)} MB`,
  );
});
