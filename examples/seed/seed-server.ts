import { type Account, type Accounts, signInEveryone } from './accounts.ts';
import { type Client, createClient } from './client.ts';
import { match } from './conversations.ts';
import { directs } from './directs.ts';
import * as operations from './operations.ts';
import { playConversation } from './play-conversation.ts';
import { rooms } from './rooms.ts';

const matchTag = 'seed';

/**
 * Fills a server through its API: accounts, rooms, direct conversations and a match. Everything has a fixed e-mail address or
 * `clientId`, so a second run adds nothing and a run that was interrupted can be repeated.
 * @returns numbers of channels, and of messages that are new
 * @throws OperationError when the server refuses an operation
 */
export async function seedServer(url: string): Promise<{ channels: number; sent: number }> {
  const client = createClient(url);
  const accounts = await signInEveryone(client);
  let sent = 0;
  for (const room of rooms) {
    const channelId = await openRoom(client, accounts, room);
    sent += await playConversation(client, accounts, channelId, room);
  }
  for (const direct of directs) {
    const channelId = await openDirect(client, accounts, direct.members);
    sent += await playConversation(client, accounts, channelId, direct);
  }
  sent += await playConversation(client, accounts, await openMatch(client, accounts), match);
  return { channels: rooms.length + directs.length + 1, sent };
}

async function openRoom(client: Client, accounts: Accounts, room: (typeof rooms)[number]): Promise<string> {
  const [owner, ...others] = room.members;
  const { name, visibility } = room;
  const variables = { name, visibility, clientId: `seed-${room.key}` };
  const { token } = accounts[owner];
  const { createRoom } = await client.request(operations.createRoom, variables, token);
  const channelId = createRoom.id;
  for (const other of others) {
    const { id: userId, token: othersToken } = accounts[other];
    if (visibility === 'PRIVATE') await client.request(operations.invite, { channelId, userId }, token);
    await client.request(operations.joinRoom, { channelId }, othersToken);
  }
  return channelId;
}

async function openDirect(client: Client, accounts: Accounts, members: (typeof directs)[number]['members']) {
  const [opener, other] = members.map((key) => accounts[key]) as [Account, Account];
  await client.request(operations.openDirect, { userId: other.id }, opener.token);
  // The other user accepts by the same operation.
  return (await client.request(operations.openDirect, { userId: opener.id }, other.token)).openDirect.id;
}

/** Returns the channel of an earlier match of the two, which may be over, or matches them. */
async function openMatch(client: Client, accounts: Accounts): Promise<string> {
  const [one, other] = match.members;
  const { token } = accounts[one];
  const { me } = await client.request(operations.channels, {}, token);
  const earlier = me.channels.nodes.find(({ kind, peer }) => kind === 'MATCH' && peer?.id === accounts[other].id);
  if (earlier) return earlier.id;
  const variables = { tag: matchTag };
  await client.request(operations.match, variables, token);
  const matched = await client.request(operations.match, variables, accounts[other].token);
  if (!matched.match.channel) throw new Error('The two strangers of the seed were not matched: run it again.');
  return matched.match.channel.id;
}
