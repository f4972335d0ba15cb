import { setTimeout } from 'node:timers/promises';
import { graphqlTransport } from '../fanout/protocols.ts';
import { askAll } from '../parley.ts';
import { openWire, type Wire } from '../wire.ts';

/** Two users: one sends, the other follows. */
interface Pair {
  channelId: string;
  sender: Wire;
  /** Calls back with each message that is acknowledged. */
  onAcknowledged: (text: Buffer) => void;
  /** Id of the message that was acknowledged last. */
  lastId: string;
  /** Whether the sender has reacted to it. */
  hasReacted: boolean;
  /** Positions. */
  acknowledged: Set<number>;
  delivered: number[];
}

/** Change of a message that senders make: a reaction comes, and goes with the next change. */
export type Action = 'send' | 'edit' | 'react';

/** Pairs of users who talk, with the delays of their messages. */
export interface Pairs {
  /**
   * Keeps one send, or one change of the last message, of each sender in flight; resolves with the number of acknowledged ones.
   * Other changes come after sends.
   */
  talk(seconds: number, action?: Action): Promise<number>;
  /** Sends at a fixed rate per second, one sender after another; resolves when every message is acknowledged. */
  talkAt(rate: number, seconds: number): Promise<number>;
  /** Waits for deliveries; throws unless every acknowledged change was delivered once and in order. */
  verify(): Promise<void>;
  /** Times since the send in milliseconds, of messages since `clear`. */
  delays: { acknowledged: number[]; delivered: number[] };
  clear(): void;
  close(): void;
}

const queries = {
  send: 'mutation Send($channelId: ID!, $text: String!, $clientId: String!) { send(input: { channelId: $channelId, text: $text, clientId: $clientId }) { message { id position } } }',
  edit: 'mutation Edit($messageId: ID!, $text: String!) { message: editMessage(messageId: $messageId, text: $text) { id position } }',
  add: 'mutation Add($messageId: ID!) { message: addReaction(messageId: $messageId, emoji: "👍") { id position } }',
  remove:
    'mutation Remove($messageId: ID!) { message: removeReaction(messageId: $messageId, emoji: "👍") { id position } }',
};
const stampLength = 14;

/**
 * Signs users in, opens a direct channel for each pair, and connects them.
 * @param parley the server to connect to, and the URL for all other requests
 */
export async function openPairs(
  { gateway, backstage }: { gateway: { url: URL }; backstage: URL },
  count: number,
): Promise<Pairs> {
  const delays = { acknowledged: [] as number[], delivered: [] as number[] };
  const people = await signIn(backstage, count * 2);
  const address = { port: Number(gateway.url.port), path: '/graphql', protocol: 'graphql-transport-ws' };
  const pairs = await Promise.all(Array.from({ length: count }, (_, n) => openPair(n)));
  await setTimeout(1_000);
  let sent = 0;

  async function openPair(n: number): Promise<Pair> {
    const [from, to] = [people[2 * n], people[2 * n + 1]];
    if (!from || !to) throw new Error('a user has no partner');
    const query = 'mutation ($id: ID!) { openDirect(userId: $id) { id } }';
    const asked = { query, variables: { id: to.user.id }, token: from.token };
    const accepted = { query, variables: { id: from.user.id }, token: to.token };
    await askAll(backstage, [asked]);
    const [opened] = await askAll<{ openDirect: { id: string } }>(backstage, [accepted]);
    const channelId = opened?.openDirect.id ?? '';
    const positions = { acknowledged: new Set<number>(), delivered: [] };
    const partial = { channelId, ...positions, onAcknowledged: () => {}, lastId: '', hasReacted: false };
    const pair: Pair = { ...partial, sender: await openSender(from.token, () => pair) };
    await openFollower(to.token, pair);
    return pair;
  }

  function openSender(token: string, pairOf: () => Pair): Promise<Wire> {
    const protocol = graphqlTransport(token);
    return new Promise((resolve, reject) => {
      openWire(address, (text, self) => {
        if (protocol.handle(text, self, () => resolve(self)) > 0) pairOf().onAcknowledged(text);
      }).then(protocol.hello, reject);
    });
  }

  async function openFollower(token: string, { channelId, delivered }: Pair): Promise<void> {
    const protocol = graphqlTransport(token);
    const wire = await openWire(address, (text, self) => {
      if (protocol.handle(text, self, () => protocol.join(self, [channelId])) === 0) return;
      delivered.push(positionOf(text));
      const at = text.indexOf('T=');
      delays.delivered.push(performance.now() - Number(text.toString('latin1', at + 2, at + 2 + stampLength)));
    });
    protocol.hello(wire);
  }

  function actOnce(pair: Pair, action: Action): Promise<void> {
    const begin = performance.now();
    const id = String(sent++);
    const payload = requestOf(pair, action, begin, id);
    pair.sender.send(JSON.stringify({ id, type: 'subscribe', payload }));
    return new Promise((resolve) => {
      pair.onAcknowledged = (acknowledgement) => {
        delays.acknowledged.push(performance.now() - begin);
        pair.acknowledged.add(positionOf(acknowledgement));
        pair.lastId = messageIdOf(acknowledgement);
        resolve();
      };
    });
  }

  return {
    delays,
    async talk(seconds, action = 'send') {
      const end = performance.now() + seconds * 1_000;
      const counts = pairs.map(async (pair) => {
        let count = 0;
        for (; performance.now() < end; count++) await actOnce(pair, action);
        return count;
      });
      return (await Promise.all(counts)).reduce((sum, one) => sum + one, 0);
    },
    async talkAt(rate, seconds) {
      const begin = performance.now();
      const sends: Promise<void>[] = [];
      while (sends.length < rate * seconds) {
        const due = begin + (sends.length * 1_000) / rate;
        if (performance.now() < due) await setTimeout(due - performance.now());
        const pair = pairs[sends.length % pairs.length];
        if (pair) sends.push(actOnce(pair, 'send'));
      }
      await Promise.all(sends);
      return sends.length;
    },
    async verify() {
      const isDelivered = ({ acknowledged, delivered }: Pair) => delivered.length >= acknowledged.size;
      for (let wait = 0; wait < 1_000 && !pairs.every(isDelivered); wait++) await setTimeout(10);
      for (const { acknowledged, delivered } of pairs) {
        const expected = [...acknowledged].sort((a, b) => a - b);
        if (String(expected) !== String(delivered))
          throw new Error('the deliveries differ from the acknowledged changes');
      }
    },
    clear() {
      delays.acknowledged.length = 0;
      delays.delivered.length = 0;
    },
    close() {
      for (const { sender } of pairs) sender.close();
    },
  };
}

/** Returns the request for the next change of a pair. */
function requestOf(pair: Pair, action: Action, begin: number, clientId: string) {
  const { channelId, lastId: messageId } = pair;
  const text = `T=${begin.toFixed(3).padStart(stampLength, '0')} and the rest of the message`;
  if (action === 'send') return { query: queries.send, variables: { channelId, text, clientId } };
  if (action === 'edit') return { query: queries.edit, variables: { messageId, text } };
  pair.hasReacted = !pair.hasReacted;
  return { query: pair.hasReacted ? queries.add : queries.remove, variables: { messageId } };
}

interface Session {
  token: string;
  user: { id: string };
}

async function signIn(url: URL, people: number): Promise<Session[]> {
  const query = 'mutation ($name: String!) { guest(input: { name: $name }) { token user { id } } }';
  const asked = Array.from({ length: people }, (_, n) => ({ query, variables: { name: `Guest ${n}` } }));
  const sessions = await askAll<{ guest: Session }>(url, asked);
  return sessions.map(({ guest }) => guest);
}

const positionKey = Buffer.from('"position":');
const messageKey = Buffer.from('"message":{"id":"');

/** Reads the `position` of a message without parsing the rest of it. */
function positionOf(text: Buffer): number {
  const at = text.indexOf(positionKey);
  if (at < 0) throw new Error(`no position in ${text}`);
  return Number.parseInt(text.toString('latin1', at + positionKey.length, at + positionKey.length + 10), 10);
}

/** Reads the id of the message of an acknowledgement. */
function messageIdOf(text: Buffer): string {
  const from = text.indexOf(messageKey) + messageKey.length;
  if (from < messageKey.length) throw new Error(`no message in ${text}`);
  return text.toString('latin1', from, text.indexOf(34, from));
}
