import { decodeJwt } from 'jose';
import sharp from 'sharp';
import { expect, vi } from 'vitest';
import { createAccessTokens } from '../../api/domain/access-tokens.ts';
import { createMemoryLocks } from '../../client/src/urql/platform/memory-platform.ts';
import { createRefresh } from '../../client/src/urql/refresh.ts';
import { createSessionStore, type SessionStore } from '../../client/src/urql/session.ts';
import type { Chat, Message, Room, SignIn, User } from '../../examples/clients/chat.ts';
import { guest, type Person } from '../support/client.ts';
import { type Network, startNetwork } from '../support/network.ts';

/** Secret with which the server under test signs tokens. */
export const jwtSecret = 'a secret that the tests and the server share';

/** Steps of the scenario, in order: the columns of the table in `docs/clients.md`. */
export const steps = ['guest', 'room', 'talk', 'edit', 'drop', 'resume', 'token refresh', 'upload'] as const;
export type Step = (typeof steps)[number];

/** A client under test, behind a network that can be cut, and a person who talks to it. */
interface Stage {
  chat: Chat;
  session: SessionStore<User>;
  network: Network;
  bob: Person;
}

/** Makes a chat. The client itself keeps the tokens in `session`. */
export type CreateChat = (options: { url: string; session: SessionStore<User> }) => Chat | Promise<Chat>;

/**
 * Runs the scenario over a client against the server at `url`.
 * @param passed called with each step that passed
 */
export async function playScenario(url: string, create: CreateChat, passed: (step: Step) => void): Promise<void> {
  const network = await startNetwork(url);
  const address = `${network.url}/graphql`;
  const session = createSession(address);
  const chat = await create({ url: address, session });
  try {
    await play({ chat, session, network, bob: await guest(url, 'Bob') }, passed);
  } finally {
    chat.dispose();
    session.dispose();
    await network.stop();
  }
}

async function play({ chat, session, network, bob }: Stage, passed: (step: Step) => void): Promise<void> {
  session.set(await chat.guest('Ada'));
  passed('guest');

  const channelId = await chat.createRoom('Tea');
  await bob.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id: channelId });
  passed('room');

  const events: Message[] = [];
  const room = await chat.open(channelId, (message) => events.push(message));
  const say = (text: string) => sayAs(bob, channelId, text);

  const sending = room.send('hello');
  await new Promise((resolve) => setImmediate(resolve));
  if (room.showsPending) expect(textsOf(room), 'a message is shown while it is being sent').toEqual(['hello']);
  await sending;
  const greeting = await say('hello, Ada');
  await shows(room, ['hello', 'hello, Ada']);
  passed('talk');

  const [mine] = room.messages().filter(({ text }) => text === 'hello');
  await room.edit(mine?.id ?? '', 'good morning');
  await editAs(bob, greeting, 'good morning, Ada');
  await shows(room, ['good morning', 'good morning, Ada']);
  passed('edit');

  network.cut();
  const missed = await say('are you there?');
  await say('hello?');
  await editAs(bob, missed, 'are you still there?');
  expect(textsOf(room)).toEqual(['good morning', 'good morning, Ada']);
  passed('drop');

  network.restore();
  await shows(room, ['good morning', 'good morning, Ada', 'are you still there?', 'hello?']);
  passed('resume');

  const expired = await expireToken(session);
  network.cut();
  await say('one');
  network.restore();
  await vi.waitFor(() => expect(textsOf(room)).toContain('one'));
  expect(session.get()?.token, 'the subscription renewed the token').not.toBe(expired);
  const expiredToo = await expireToken(session);
  await room.send('two');
  expect(session.get()?.token, 'the mutation renewed the token').not.toBe(expiredToo);
  passed('token refresh');

  const fileId = await room.upload(await picture());
  await room.send('a plum', [fileId]);
  await vi.waitFor(() => expect(room.messages().at(-1)?.attachments).toMatchObject([{ filename: 'plum.png' }]));
  passed('upload');

  await shows(room, await history(bob, channelId));
  const positions = events.map(({ position }) => position);
  expect(positions, 'no event arrived twice').toEqual([...new Set(positions)].sort((a, b) => a - b));
  room.close();
}

function createSession(url: string): SessionStore<User> {
  const stored = new Map<string, string>();
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  return createSessionStore<User>({
    storage,
    key: 'session',
    locks: createMemoryLocks(),
    refresh: createRefresh<User>(url, 'id name'),
  });
}

/** Replaces the token of a session by one that has expired, and returns that. */
async function expireToken(session: SessionStore<User>): Promise<string> {
  const present = session.get() as SignIn;
  const expired = createAccessTokens({ secrets: [jwtSecret], ttlSeconds: -60 });
  const { token } = await expired.sign(present.user.id, String(decodeJwt(present.token)['sid']));
  session.set({ ...present, token });
  return token;
}

async function sayAs(person: Person, channelId: string, text: string): Promise<string> {
  const input = { channelId, text, clientId: text };
  const { send } = await person.ask('mutation ($input: SendInput!) { send(input: $input) { message { id } } }', {
    input,
  });
  return send.message.id;
}

async function editAs(person: Person, messageId: string, text: string): Promise<void> {
  await person.ask('mutation ($id: ID!, $text: String!) { editMessage(messageId: $id, text: $text) { id } }', {
    id: messageId,
    text,
  });
}

async function history(person: Person, id: string): Promise<string[]> {
  const { channel } = await person.ask('query ($id: ID!) { channel(id: $id) { messages { nodes { kind text } } } }', {
    id,
  });
  return channel.messages.nodes.filter(({ kind }: Message) => kind === 'TEXT').map(({ text }: Message) => text);
}

function textsOf(room: Room): string[] {
  return room
    .messages()
    .filter(({ kind }) => kind === 'TEXT')
    .map(({ text }) => text);
}

function shows(room: Room, texts: readonly string[]): Promise<void> {
  return vi.waitFor(() => expect(textsOf(room)).toEqual(texts));
}

async function picture(): Promise<File> {
  const plum = sharp({ create: { width: 32, height: 32, channels: 3, background: 'plum' } });
  return new File([new Uint8Array(await plum.png().toBuffer())], 'plum.png', { type: 'image/png' });
}
