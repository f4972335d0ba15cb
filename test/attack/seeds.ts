import { ask, guest, type Person } from '../support/client.ts';

/** Tokens of users who were there before the attack. */
export interface Seeds {
  /** Member of many rooms that are full of messages. */
  member: string;
}

const rooms = 20;
const messagesPerRoom = 100;
const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';

/** Fills a server whose rate limits are off with rooms, members and messages. */
export async function seed(url: string): Promise<Seeds> {
  const [ada, ...others] = (await Promise.all(Array.from({ length: 30 }, (_, n) => guest(url, `Member ${n}`)))) as [
    Person,
    ...Person[],
  ];
  await Promise.all(Array.from({ length: rooms }, (_, n) => fillRoom(url, ada, others, `Room ${n}`)));
  return { member: ada.token };
}

async function fillRoom(url: string, owner: Person, members: readonly Person[], name: string): Promise<void> {
  const create = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
  const { id } = (await owner.ask(create, { name })).createRoom;
  await Promise.all(members.map((one) => one.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id })));
  for (let n = 0; n < messagesPerRoom; n += 10) {
    const batch = Array.from({ length: 10 }, (_, k) =>
      ask(url, send, { id, text: `Message ${n + k} `.repeat(10) }, members[n % members.length]?.token),
    );
    await Promise.all(batch);
  }
}
