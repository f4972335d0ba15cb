import { setTimeout as delay } from 'node:timers/promises';
import type { GraphQLFormattedError } from 'graphql';
import type { Client } from 'graphql-ws';
import { vi } from 'vitest';
import { type Data, type Followed, followMessages, guest, type Person, socket } from '../support/client.ts';
import { readHistory } from '../support/history.ts';
import { openDirectOf } from '../support/invitations.ts';

/** Message that was sent and delivered. */
export interface Spoken {
  /** Id of the pair's channel. */
  channelId: string;
  /** Milliseconds from the first attempt to send it until its acknowledgement. */
  acknowledgedMs: number;
  /** Milliseconds from the first attempt to send it until the partner received it. */
  deliveredMs: number;
}

/** Messages of a period. */
export interface Talk {
  spoken: Spoken[];
  /** Number of attempts that failed with UNAVAILABLE. */
  failed: number;
  /** Milliseconds of the longest attempt. */
  longestAttemptMs: number;
}

/** Faults in the histories and subscriptions of all pairs. */
export interface Faults {
  /** Acknowledged messages that are missing in the history, and entries that the partner did not receive. */
  lost: number;
  /** Messages that are twice in the history, and entries that the partner received twice. */
  repeated: number;
  /** Channels whose partner received the entries in another order than that of the history. */
  unordered: number;
}

/** Pairs of users: one sends a message every half second, the other follows the channel. */
export interface Pairs {
  /** Ids of their channels. */
  channelIds: string[];
  /**
   * Talks until a promise settles, and waits until each message is acknowledged and delivered. Sends that fail with
   * UNAVAILABLE are repeated.
   */
  talkUntil(end: Promise<unknown>): Promise<Talk>;
  /** Talks as long as a promise lasts, and gives up messages that were not acknowledged until then. */
  tryUntil(end: Promise<unknown>): Promise<Talk>;
  /** Sends one message in a channel, and waits until it is acknowledged and delivered. */
  say(channelId: string): Promise<void>;
  /** Compares the acknowledged messages with the histories, and these with the received entries. */
  compare(): Promise<Faults>;
  leave(): void;
}

interface Pair {
  channelId: string;
  sender: Client;
  reader: { person: Person; client: Client; followed: Followed };
  /** Idempotency keys of the acknowledged messages. */
  acknowledged: Set<string>;
}

/** Milliseconds between two messages of a pair. */
const intervalMs = 500;
/** Milliseconds between two attempts to send a message. */
const retryMs = 100;
const send = `mutation ($channelId: ID!, $text: String!) {
  send(input: { channelId: $channelId, text: $text, clientId: $text }) { message { id } } }`;

/** Signs pairs in at a server whose rate limits are off. They connect with the first call of the returned function. */
export async function signInPairs(url: string, count: number): Promise<(url: string) => Promise<Pairs>> {
  const people = await Promise.all(Array.from({ length: count }, () => signInPair(url)));
  return (at) => connectPairs(at, people);
}

type People = { channelId: string; sender: Person; reader: Person };

async function signInPair(url: string): Promise<People> {
  const [sender, reader] = await Promise.all([guest(url, 'Sender'), guest(url, 'Reader')]);
  return { channelId: await openDirectOf(sender, reader), sender, reader };
}

async function connectPairs(url: string, people: readonly People[]): Promise<Pairs> {
  /** Time of the first attempt to send each message, by its key. */
  const sentAt = new Map<string, number>();
  const deliveredMs = new Map<string, number>();
  const pairs = new Map(people.map((one) => [one.channelId, connectPair(one)]));
  const channelIds = [...pairs.keys()];
  let last = 0;
  await Promise.all(channelIds.map(say));

  function connectPair({ channelId, sender, reader }: People): Pair {
    const client = socket(url, reader.token);
    const onEvent = ({ text }: Data) => {
      const from = sentAt.get(text);
      if (from !== undefined && !deliveredMs.has(text)) deliveredMs.set(text, performance.now() - from);
    };
    const followed = followMessages(client, channelId, 0, { retries: true, onEvent });
    return {
      channelId,
      sender: socket(url, sender.token, { keepMs: deliveryMs }),
      reader: { person: reader, client, followed },
      acknowledged: new Set(),
    };
  }

  async function talk(end: Promise<unknown>, isLasting: boolean): Promise<Talk> {
    const result = createTalk();
    const period = { isOver: false };
    const finish = () => {
      period.isOver = true;
    };
    end.then(finish, finish);
    const mayGoOn = () => isLasting || !period.isOver;
    await Promise.all(
      [...pairs.values()].map(async (pair, n) => {
        await delay((n * intervalMs) / pairs.size);
        const sends: Promise<void>[] = [];
        while (!period.isOver) {
          sends.push(speak(pair, result, mayGoOn));
          await delay(intervalMs);
        }
        await Promise.all(sends);
      }),
    );
    await end;
    return result;
  }

  /** Sends a message until it is acknowledged, and waits until it is delivered. */
  async function speak(pair: Pair, talk: Talk, mayGoOn: () => boolean): Promise<void> {
    const key = `message ${last++}`;
    const from = performance.now();
    sentAt.set(key, from);
    while (!(await attempt(pair, key, talk))) {
      if (!mayGoOn()) return;
      await delay(retryMs);
    }
    pair.acknowledged.add(key);
    const acknowledgedMs = performance.now() - from;
    await vi.waitUntil(() => deliveredMs.has(key) || !mayGoOn(), { timeout: deliveryMs, interval: 20 }).catch(() => {});
    const delivered = deliveredMs.get(key);
    if (delivered === undefined && !mayGoOn()) return;
    talk.spoken.push({ channelId: pair.channelId, acknowledgedMs, deliveredMs: delivered ?? Number.POSITIVE_INFINITY });
  }

  /** Tries to send a message. @throws Error for an error other than UNAVAILABLE */
  async function attempt({ channelId, sender }: Pair, key: string, talk: Talk): Promise<boolean> {
    const from = performance.now();
    const [error] = await execute(sender, { channelId, text: key });
    talk.longestAttemptMs = Math.max(talk.longestAttemptMs, performance.now() - from);
    if (error === undefined) return true;
    if (error.extensions?.['code'] !== 'UNAVAILABLE') throw new Error(`a send was rejected: ${JSON.stringify(error)}`);
    talk.failed++;
    return false;
  }

  async function say(channelId: string): Promise<void> {
    const pair = pairs.get(channelId);
    if (pair) await speak(pair, createTalk(), () => true);
  }

  return {
    channelIds,
    talkUntil: (end) => talk(end, true),
    tryUntil: (end) => talk(end, false),
    say,
    async compare() {
      const faults = await Promise.all([...pairs.values()].map((pair) => compareOne(url, pair)));
      const sum = (key: keyof Faults) => faults.reduce((total, one) => total + one[key], 0);
      return { lost: sum('lost'), repeated: sum('repeated'), unordered: sum('unordered') };
    },
    leave() {
      for (const { sender, reader } of pairs.values()) for (const one of [sender, reader.client]) void one.dispose();
    },
  };
}

function createTalk(): Talk {
  return { spoken: [], failed: 0, longestAttemptMs: 0 };
}

/** Milliseconds after which an acknowledged message counts as not delivered. */
const deliveryMs = 60_000;

/** Executes a send, and returns its errors. */
function execute(client: Client, variables: Record<string, unknown>): Promise<readonly GraphQLFormattedError[]> {
  return new Promise((resolve, reject) => {
    let found: readonly GraphQLFormattedError[] = [];
    client.subscribe(
      { query: send, variables },
      {
        next: ({ errors = [] }) => {
          found = errors;
        },
        error: reject,
        complete: () => resolve(found),
      },
    );
  });
}

async function compareOne(url: string, { channelId, reader, acknowledged }: Pair): Promise<Faults> {
  const history = await readHistory(url, reader.person.token, channelId);
  const { received } = reader.followed;
  await vi.waitUntil(() => received.at(-1)?.seq === history.at(-1)?.seq, { timeout: deliveryMs }).catch(() => {});
  const [keys, ids, receivedIds] = [history.map(({ clientId }) => clientId), idsOf(history), idsOf(received)];
  const missing = [...acknowledged].filter((key) => !keys.includes(key));
  const texts = keys.filter((key) => key !== null);
  return {
    lost: missing.length + ids.filter((id) => !receivedIds.includes(id)).length,
    repeated: texts.length - new Set(texts).size + receivedIds.length - new Set(receivedIds).size,
    unordered: String([...new Set(receivedIds)]) === String(ids.filter((id) => receivedIds.includes(id))) ? 0 : 1,
  };
}

function idsOf(entries: readonly Data[]): string[] {
  return entries.map(({ id }) => id);
}
