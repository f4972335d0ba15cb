import type { SeededChannel, SeededMessage, SeededUser, SeedReport } from './report.ts';
import { createSeedClient, type SeedClient } from './seed-client.ts';
import type { Seed } from './seed-data.ts';

type Users = Record<string, SeededUser>;
type SeedChannel = Omit<Seed['rooms'][number], 'name' | 'visibility'>;

/**
 * Fills an empty server through its API, as its clients would.
 * @param url origin of the server
 * @returns the data with the ids that the server gave
 * @throws StartError if the server refuses a part of it
 */
export async function seedServer(url: string, { users, rooms, directs }: Seed): Promise<SeedReport> {
  const client = createSeedClient(url);
  const report: SeedReport = { users: {}, channels: {} };
  for (const user of users) report.users[user.key] = await register(client, user);
  for (const room of rooms) {
    const id = await openRoom(client, report.users, room);
    report.channels[room.key] = await fill(client, report.users, { ...room, id, kind: 'ROOM' });
  }
  for (const direct of directs) {
    const id = await openDirect(client, report.users, direct.members);
    report.channels[direct.key] = await fill(client, report.users, { ...direct, id, kind: 'DIRECT' });
  }
  return report;
}

async function register(client: SeedClient, { name, email, password }: Seed['users'][number]): Promise<SeededUser> {
  const { register } = await client.ask<{
    register: Pick<SeededUser, 'token' | 'refreshToken'> & { user: { id: string } };
  }>('mutation ($input: RegisterInput!) { register(input: $input) { token refreshToken user { id } } }', {
    input: { name, email, password },
  });
  const { token, refreshToken, user } = register;
  return { id: user.id, name, email, password, token, refreshToken };
}

async function openRoom(client: SeedClient, users: Users, { name, visibility, members }: Seed['rooms'][number]) {
  const [owner, ...others] = members.map((key) => users[key] as SeededUser);
  const { createRoom } = await client.ask<{ createRoom: { id: string } }>(
    'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { id } }',
    { input: { name, visibility } },
    owner?.token,
  );
  for (const { id: userId, token } of others) {
    const invite = 'mutation ($channelId: ID!, $userId: ID!) { invite(channelId: $channelId, userId: $userId) { id } }';
    await client.ask(invite, { channelId: createRoom.id, userId }, owner?.token);
    const join = 'mutation ($channelId: ID!) { joinRoom(channelId: $channelId) { id } }';
    await client.ask(join, { channelId: createRoom.id }, token);
  }
  return createRoom.id;
}

async function openDirect(client: SeedClient, users: Users, members: readonly [string, string]): Promise<string> {
  const [opener, other] = members.map((key) => users[key]);
  await askForDirect(client, opener, other);
  // The other user accepts by the same operation.
  return askForDirect(client, other, opener);
}

async function askForDirect(client: SeedClient, one?: SeededUser, other?: SeededUser): Promise<string> {
  const { openDirect } = await client.ask<{ openDirect: { id: string } }>(
    'mutation ($userId: ID!) { openDirect(userId: $userId) { id } }',
    { userId: other?.id },
    one?.token,
  );
  return openDirect.id;
}

/** Sends the messages of a channel, and marks them as seen. */
async function fill(
  client: SeedClient,
  users: Users,
  { id, kind, members, messages, unread }: SeedChannel & Pick<SeededChannel, 'id' | 'kind'>,
): Promise<SeededChannel> {
  const sent: SeededMessage[] = [];
  for (const { by, text, replyTo, files } of messages) {
    const { token } = users[by] as SeededUser;
    const attachmentIds: string[] = [];
    for (const file of files) attachmentIds.push(await upload(client, id, token, file));
    const replyToId = replyTo === undefined ? null : sent[replyTo]?.id;
    const { send } = await client.ask<{ send: { message: Pick<SeededMessage, 'id' | 'seq' | 'position'> } }>(
      'mutation ($input: SendInput!) { send(input: $input) { message { id seq position } } }',
      { input: { channelId: id, text, replyToId, attachmentIds } },
      token,
    );
    sent.push({ ...send.message, by, text, attachmentIds });
  }
  for (const member of members) {
    const seen = sent.at(-1 - (unread[member] ?? 0));
    const markSeen = 'mutation ($channelId: ID!, $seq: Int!) { markSeen(channelId: $channelId, seq: $seq) { id } }';
    if (seen) await client.ask(markSeen, { channelId: id, seq: seen.seq }, users[member]?.token);
  }
  return { id, kind, members: [...members], messages: sent };
}

async function upload(
  client: SeedClient,
  channelId: string,
  token: string,
  file: { name: string; text: string },
): Promise<string> {
  const query = 'mutation ($file: Upload!, $channelId: ID) { upload(file: $file, channelId: $channelId) { id } }';
  return (await client.upload<{ upload: { id: string } }>(query, { channelId }, token, file)).upload.id;
}
