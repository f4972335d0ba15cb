import { setTimeout as delay } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { ask, type Data, type Followed, followMessages, guest, type Person, socket } from './client.ts';
import { readHistory } from './history.ts';
import { followChannel } from './updates.ts';

const send = `mutation ($channelId: ID!, $text: String!, $clientId: String!) {
  send(input: { channelId: $channelId, text: $text, clientId: $clientId }) { message { id seq } }
}`;

/** Subscriber whose connection breaks from time to time. */
interface Subscriber {
  followed: Followed;
  drop(): void;
  end(): void;
}

/** Throughput and latency over a period. */
interface Rates {
  /** Acknowledged sends per second. */
  acknowledged: number;
  /** Entries per second that all subscribers received together. */
  delivered: number;
  /** Median time from a send to its acknowledgement, in milliseconds. */
  sendMs: number;
}

/** Interval in milliseconds at which one of the subscribers loses its connection. */
const dropMs = 500;

/**
 * Senders that talk in one room as fast as they can, and subscribers that follow it through every fault: every other one by
 * `updates` alone.
 */
export interface Load {
  /** Id of the room. */
  channelId: string;
  /** Owner of the room, who is one of the senders. */
  owner: Person;
  /** Returns the number of acknowledged sends so far. */
  acknowledged(): number;
  /** Resolves once this many more sends were acknowledged. */
  progress(more: number): Promise<void>;
  /** Resolves with the milliseconds until each subscriber received a message sent after now, in ascending order. */
  firstDeliveries(): Promise<number[]>;
  /** Measures the load until a promise resolves. */
  measure(during: Promise<unknown>): Promise<Rates>;
  /**
   * Stops the senders and compares the entries of each subscriber with the history: every acknowledged message exactly
   * once, in one order, with rising positions, and nothing that is not in the history.
   */
  verify(): Promise<void>;
}

/**
 * Starts a load over several gateways.
 * @param urls returns the current URLs of the gateways. Clients try the next one if one does not respond.
 */
export async function startLoad(urls: () => readonly string[], { senders = 20, subscribers = 20 } = {}): Promise<Load> {
  let turn = 0;
  const anyUrl = () => urls()[turn++ % urls().length] ?? '';
  const people = await Promise.all(Array.from({ length: senders }, (_, n) => guest(anyUrl(), `Sender ${n}`)));
  const [owner] = people as [Person];
  const cursors = await Promise.all(people.map(({ token }) => cursorOf(anyUrl(), token)));
  const channelId = await openRoom(people, anyUrl);
  const acknowledged = new Map<string, string>();
  /** Time of the first attempt to send each text, in milliseconds since the epoch. */
  const triedAt = new Map<string, number>();
  const sendTimes: number[] = [];
  let isOver = false;

  const following = Array.from({ length: subscribers }, (_, n): Subscriber => {
    const client = socket(anyUrl, people[n % people.length]?.token ?? '');
    const cursor = cursors[n % people.length] ?? '';
    const followed =
      n % 2 ? followChannel(client, channelId, cursor) : followMessages(client, channelId, 0, { retries: true });
    return { followed, drop: client.drop, end: () => void client.dispose() };
  });
  const dropping = setInterval(() => following[Math.floor(Math.random() * following.length)]?.drop(), dropMs);
  const talking = people.map(async ({ token }, n) => {
    for (let k = 0; !isOver; k++) {
      const clientId = `${n}-${k}`;
      const from = Date.now();
      triedAt.set(clientId, from);
      const id = await untilAcknowledged({ channelId, text: clientId, clientId }, token);
      if (id === null) continue;
      acknowledged.set(clientId, id);
      sendTimes.push(Date.now() - from);
    }
  });

  /** Sends until the message is acknowledged, and returns its id; null if the load ends before. */
  async function untilAcknowledged(variables: object, token: string): Promise<string | null> {
    while (!isOver) {
      const response = await ask(anyUrl(), send, variables, token).catch(() => null);
      const code = response?.errors[0]?.extensions['code'] ?? null;
      if (response?.data?.send) return response.data.send.message.id;
      if (code !== null && code !== 'UNAVAILABLE') throw new Error(`a send was rejected: ${JSON.stringify(response)}`);
      await delay(50);
    }
    return null;
  }

  /** Resolves with the milliseconds from a time until a message that was sent after it is received. */
  async function firstDelivery({ received }: Followed, from: number): Promise<number> {
    let seen = received.length;
    const isNew = ({ text }: Data) => (triedAt.get(text) ?? 0) > from;
    await vi.waitFor(
      () => {
        const fresh = received.slice(seen);
        seen = received.length;
        expect(fresh.some(isNew)).toBe(true);
      },
      { interval: 5 },
    );
    return Date.now() - from;
  }

  const countDelivered = () => following.reduce((sum, { followed }) => sum + followed.received.length, 0);

  return {
    channelId,
    owner,
    acknowledged: () => acknowledged.size,
    async progress(more) {
      const goal = acknowledged.size + more;
      await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThanOrEqual(goal));
    },
    async firstDeliveries() {
      const from = Date.now();
      const times = await Promise.all(following.map(({ followed }) => firstDelivery(followed, from)));
      return times.sort((one, other) => one - other);
    },
    async measure(during) {
      const [from, sent, delivered] = [Date.now(), sendTimes.length, countDelivered()];
      await during;
      const [seconds, times] = [(Date.now() - from) / 1_000, sendTimes.slice(sent).sort((one, other) => one - other)];
      return {
        acknowledged: Math.round(times.length / seconds),
        delivered: Math.round((countDelivered() - delivered) / seconds),
        sendMs: times[Math.floor(times.length / 2)] ?? Number.POSITIVE_INFINITY,
      };
    },
    async verify() {
      isOver = true;
      clearInterval(dropping);
      await Promise.all(talking);
      const history = await readHistory(anyUrl(), owner.token, channelId);
      checkHistory(history, acknowledged);
      for (const { followed, end } of following) {
        await vi.waitFor(() => expect(followed.received.at(-1)?.seq).toBe(history.at(-1)?.seq));
        checkFollowed(followed, history);
        end();
      }
    },
  };
}

function checkHistory(history: Data[], acknowledged: ReadonlyMap<string, string>): void {
  expect(history.map(({ seq }) => seq)).toEqual(history.map((_, n) => n + 1));
  const idOf = new Map(history.map(({ clientId, id }) => [clientId, id]));
  expect(new Set(history.map(({ id }) => id)).size).toBe(history.length);
  expect([...acknowledged].filter(([clientId, id]) => idOf.get(clientId) !== id)).toEqual([]);
}

function checkFollowed({ received, ended }: Followed, history: Data[]): void {
  expect(ended).toBeNull();
  // Updates deliver a room from the joining on.
  const first = history.findIndex(({ id }) => id === received[0]?.id);
  expect(history.slice(0, first).filter(({ kind }) => kind === 'TEXT')).toEqual([]);
  expect(received.map(({ id }) => id)).toEqual(history.slice(first).map(({ id }) => id));
  const positions = received.map(({ position }) => position);
  expect(positions.filter((position, n) => n > 0 && position <= positions[n - 1])).toEqual([]);
}

async function cursorOf(url: string, token: string): Promise<string> {
  return (await ask(url, '{ updates { cursor } }', {}, token)).data.updates.cursor;
}

async function openRoom([host, ...others]: Person[], anyUrl: () => string): Promise<string> {
  const { data } = await ask(anyUrl(), 'mutation { createRoom(input: { name: "Load" }) { id } }', {}, host?.token);
  const { id } = data.createRoom;
  const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
  await Promise.all(others.map(({ token }) => ask(anyUrl(), join, { id }, token)));
  return id;
}
