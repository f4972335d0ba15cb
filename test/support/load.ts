import { setTimeout as delay } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { ask, type Data, guest, type Person } from './client.ts';
import { type Follower, type Following, readCursor, startFollower } from './followers.ts';
import { readHistory } from './history.ts';

const send = `mutation ($channelId: ID!, $text: String!, $clientId: String!) {
  send(input: { channelId: $channelId, text: $text, clientId: $clientId }) { message { id seq } }
}`;
const rename = 'mutation ($channelId: ID!, $name: String!) { updateRoom(channelId: $channelId, name: $name) { id } }';
const markSeen = 'mutation ($channelId: ID!, $seq: Int!) { markSeen(channelId: $channelId, seq: $seq) { seenSeq } }';

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
/** Interval in milliseconds at which the owner renames the room, and marks it as seen. */
const changeMs = 200;

/**
 * Senders that talk in one room as fast as they can, and subscribers that follow it through every fault. If some follow it by
 * `updates`, its owner renames it and marks it as seen meanwhile.
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
   * once, in one order, with rising positions, and nothing that is not in the history. Subscribers by `updates` have the
   * present state of the room, too.
   */
  verify(): Promise<void>;
}

/**
 * Starts a load over several gateways.
 * @param urls returns the current URLs of the gateways. Clients try the next one if one does not respond.
 * @param options.following ways in which subscribers follow the room, in turn
 */
export async function startLoad(
  urls: () => readonly string[],
  options: { senders?: number; subscribers?: number; following?: readonly Following[] } = {},
): Promise<Load> {
  const { senders = 20, subscribers = 20, following = ['messages'] } = options;
  let turn = 0;
  const anyUrl = () => urls()[turn++ % urls().length] ?? '';
  const people = await Promise.all(Array.from({ length: senders }, (_, n) => guest(anyUrl(), `Sender ${n}`)));
  const [owner] = people as [Person];
  const cursors = await Promise.all(people.map(({ token }) => readCursor(anyUrl(), token)));
  const channelId = await openRoom(people, anyUrl);
  const acknowledged = new Map<string, string>();
  /** Time of the first attempt to send each text, in milliseconds since the epoch. */
  const triedAt = new Map<string, number>();
  const sendTimes: number[] = [];
  let isOver = false;

  const followers = Array.from({ length: subscribers }, (_, n): Follower => {
    const person = people[n % people.length] ?? owner;
    const cursor = cursors[n % people.length] ?? '';
    return startFollower(following[n % following.length] ?? 'messages', anyUrl, { person, channelId, cursor });
  });
  const dropping = setInterval(() => followers[Math.floor(Math.random() * followers.length)]?.drop(), dropMs);
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
    return (await untilDone(send, variables, token))?.send.message.id ?? null;
  }

  /** Tries an operation until it succeeds, and returns its data; null if the load ends before. */
  async function untilDone(query: string, variables: object, token: string): Promise<Data> {
    while (!isOver) {
      const response = await ask(anyUrl(), query, variables, token).catch(() => null);
      const code = response?.errors[0]?.extensions['code'] ?? null;
      if (response && code === null) return response.data;
      if (code !== null && code !== 'UNAVAILABLE') throw new Error(`rejected: ${JSON.stringify(response)}`);
      await delay(50);
    }
    return null;
  }

  async function changeRoom(): Promise<void> {
    for (let n = 1; !isOver; n++) {
      await untilDone(rename, { channelId, name: `Load ${n}` }, owner.token);
      await untilDone(markSeen, { channelId, seq: n }, owner.token);
      await delay(changeMs);
    }
  }

  // Only updates tell of it.
  const changing = following.includes('updates') ? changeRoom() : Promise.resolve();

  /** Resolves with the milliseconds from a time until a message that was sent after it is received. */
  async function firstDelivery({ received }: Follower, from: number): Promise<number> {
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

  const countDelivered = () => followers.reduce((sum, { received }) => sum + received.length, 0);

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
      const times = await Promise.all(followers.map((follower) => firstDelivery(follower, from)));
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
      await Promise.all([...talking, changing]);
      const history = await readHistory(anyUrl(), owner.token, channelId);
      checkHistory(history, acknowledged);
      for (const follower of followers) {
        await follower.verify(history);
        follower.end();
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

async function openRoom([host, ...others]: Person[], anyUrl: () => string): Promise<string> {
  const { data } = await ask(anyUrl(), 'mutation { createRoom(input: { name: "Load" }) { id } }', {}, host?.token);
  const { id } = data.createRoom;
  const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
  await Promise.all(others.map(({ token }) => ask(anyUrl(), join, { id }, token)));
  return id;
}
