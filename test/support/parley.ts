import { expect, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createSession } from '../../client/src/urql/account.ts';
import { createParley, type Parley } from '../../client/src/urql/parley.ts';
import { createMemoryPlatform } from '../../client/src/urql/platform/memory-platform.ts';
import type { Platform } from '../../client/src/urql/platform/platform.ts';
import type { SocketTiming } from '../../client/src/urql/socket.ts';
import { ask, type Person } from './client.ts';

/** A user of the client library. */
export interface Device {
  parley: Parley;
  platform: Platform;
  session: ReturnType<typeof createSession>;
}

/** Signs a guest in, on a device of their own. */
export async function newDevice(url: string, name: string, timing?: SocketTiming): Promise<Device> {
  const platform = createMemoryPlatform(WebSocket);
  const session = createSession({ url: `${url}/graphql`, platform });
  const failure = await session.enterAsGuest({ name });
  if (failure) throw new Error(failure.message);
  return openDevice(url, platform, timing);
}

/** Opens a tab, or opens one again after a reload. */
export function openDevice(url: string, platform: Platform, timing?: SocketTiming): Device {
  const session = createSession({ url: `${url}/graphql`, platform });
  const parley = createParley({ url: `${url}/graphql`, session, platform, timing });
  return { parley, platform, session };
}

/** Waits until the local state is complete. */
export async function current({ parley }: Device): Promise<void> {
  await vi.waitFor(() => expect(parley.sync.get().status).toBe('current'));
}

/** Creates a public room that the given devices join. Returns its id. */
export async function roomOf(url: string, owner: Person, ...devices: Device[]): Promise<string> {
  const { createRoom } = await owner.ask('mutation { createRoom(input: { name: "Fruit" }) { id } }');
  for (const { session } of devices) {
    const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
    const { errors } = await ask(url, join, { id: createRoom.id }, session.get()?.token);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
  }
  return createRoom.id;
}

/** Sends a message by its text, which is its `clientId` too. */
export async function say(person: Person, channelId: string, text: string): Promise<void> {
  const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';
  await person.ask(send, { input: { channelId, text, clientId: text } });
}

/** Returns the texts of a channel's messages that are loaded; other entries are left out. */
export function textsOf({ parley }: Device, channelId: string): string[] {
  const { messages } = parley.conversation(channelId).get();
  return messages.filter(({ kind }) => kind === 'TEXT').map(({ text }) => text);
}
