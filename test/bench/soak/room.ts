import { setTimeout as delay } from 'node:timers/promises';
import { type Data, type Followed, followMessages, socket } from '../../support/client.ts';
import { readHistory } from '../../support/history.ts';
import type { Resident } from './person.ts';

/** Member who follows a room from its first entry to the end of the load, over sockets that come and go. */
export interface Member {
  person: Resident;
  followed: Followed;
  /** Breaks the connection. */
  drop(): void;
  /** Own messages that were sent recently and not deleted. */
  recent: string[];
}

/** Room whose members talk. */
export interface Room {
  id: string;
  members: Member[];
  /** Ids of the acknowledged messages, by their idempotency keys. */
  acknowledged: Map<string, string>;
}

const recentMessages = 20;
const send = `mutation ($input: SendInput!) { send(input: $input) { message { id } } }`;

/** Opens a room of some people, who follow it and their lists of channels. */
export async function openRoom(url: string, people: readonly [Resident, ...Resident[]]): Promise<Room> {
  const [owner, ...others] = people;
  const { id } = (await owner.ask('mutation { createRoom(input: { name: "Room" }) { id } }')).createRoom;
  for (const one of others) await one.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id });
  const members = people.map((person): Member => {
    const client = socket(url, person.token);
    client.subscribe(
      { query: 'subscription { channels { id onlineCount lastMessage { id } viewerMembership { unreadCount } } }' },
      { next: () => {}, error: () => {}, complete: () => {} },
    );
    const followed = followMessages(client, id, 0, { retries: true });
    return { person, followed, drop: client.drop, recent: [] };
  });
  return { id, members, acknowledged: new Map() };
}

/** Sends a message of a member. A send whose outcome is unknown is repeated. */
export async function say(room: Room, member: Member, key: string, attachmentIds: string[] = []): Promise<void> {
  const input = { channelId: room.id, text: `${key} and the rest of the message`, clientId: key, attachmentIds };
  const sent = await untilKnown(() => member.person.ask(send, { input }));
  const { id } = sent.send.message;
  room.acknowledged.set(key, id);
  member.recent = [...member.recent, id].slice(-recentMessages);
}

async function untilKnown(attempt: () => Promise<Data>): Promise<Data> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Object(error).code !== 'UNAVAILABLE') throw error;
      await delay(500);
    }
  }
}

/** Time for which deliveries may be late at the end, in milliseconds. */
const lateMs = 30_000;

/**
 * Compares the acknowledged messages with the history, and the newest state of each entry with the deliveries.
 * @returns the faults that were found
 */
export async function verify(url: string, room: Room): Promise<string[]> {
  const [reader] = room.members;
  const history = await readHistory(url, reader?.person.token() ?? '', room.id);
  const ids = new Map(history.map(({ clientId, id }) => [clientId, id]));
  const missing = [...room.acknowledged].filter(([key, id]) => ids.get(key) !== id).map(([key]) => `${key} is lost`);
  const order = history.some(({ seq }, n) => seq !== n + 1) ? [`the history of ${room.id} has a gap`] : [];
  const deliveries = await Promise.all(room.members.map((member) => verifyDeliveries(member, history)));
  return [...missing, ...order, ...deliveries.flat()];
}

async function verifyDeliveries({ followed }: Member, history: readonly Data[]): Promise<string[]> {
  const { received } = followed;
  const last = Math.max(...history.map(({ position }) => position));
  for (let waited = 0; waited < lateMs && (received.at(-1)?.position ?? 0) < last; waited += 100) await delay(100);
  const newest = new Map(received.map(({ id, position }) => [id, position]));
  const missing = history.filter(({ id, position }) => newest.get(id) !== position);
  const repeated = received.filter(({ position }, n) => n > 0 && position <= received[n - 1].position);
  const ended = followed.ended === null ? [] : [`a subscription ended: ${JSON.stringify(followed.ended.errors)}`];
  return [
    ...missing.map(({ id }) => `${id} was not delivered`),
    ...repeated.map(({ id }) => `${id} was delivered twice`),
    ...ended,
  ];
}
