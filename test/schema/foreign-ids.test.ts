import { randomUUID } from 'node:crypto';
import { GraphQLInputObjectType, type GraphQLInputType, GraphQLObjectType, getNamedType } from 'graphql';
import sharp from 'sharp';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeId, encodeId } from '../../schema/ids.ts';
import { schema } from '../../schema/index.ts';
import { startApp } from '../support/app.ts';
import { ask, follow, guest, type Person, socket } from '../support/client.ts';
import { patienceMs } from '../support/patience.ts';
import { upload } from '../support/upload.ts';

/** Calls one field with an id and returns the whole response. */
type Call = (id: string) => Promise<unknown>;

let url: string;
/** A user who is a member of nothing but an own room. */
let eve: Person;
let ownRoom: string;
/** Id of a user who is a member of the channels of others. */
let otherId: string;
/** Ids of objects that belong to others, by type. */
const foreign: Record<string, string[]> = {};

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  const [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  eve = await guest(url, 'Eve');
  otherId = bob.id;
  ownRoom = (await eve.ask(createRoom)).createRoom.id;

  const { createRoom: room } = await ada.ask(createRoom);
  const { openDirect: direct } = await ada.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', {
    id: bob.id,
  });
  const match = await matchOf(ada, bob);
  const channelIds = [room.id, direct.id, match.channel.id];
  const files = await Promise.all([null, ...channelIds].map((id) => uploadFile(ada, id)));
  foreign['Channel'] = channelIds;
  foreign['Match'] = [match.id];
  foreign['Attachment'] = files;
  foreign['Message'] = await Promise.all(channelIds.map((id, n) => sendTo(ada, id, files[n + 1] ?? '')));
  foreign['Membership'] = await Promise.all(channelIds.map((id) => membershipOf(ada, id)));
  foreign['DeviceSession'] = [(await ada.ask('{ sessions { id } }')).sessions[0].id];
  const report = 'mutation ($id: ID!) { report(input: { userId: $id, reason: "spam" }) { id } }';
  foreign['Report'] = [(await ada.ask(report, { id: bob.id })).report.id];
  return app.stop;
});

/** Each argument of the schema that takes an id of something that others may not know of: how it is called, and the types. */
const calls: Record<string, { types: readonly string[]; call: Call }> = {
  'Channel.messages(around)': {
    types: ['Message'],
    call: by('query ($id: ID!, $room: ID!) { channel(id: $room) { messages(around: $id) { nodes { id } } } }', () => ({
      room: ownRoom,
    })),
  },
  'Query.channel(id)': { types: ['Channel'], call: by('query ($id: ID!) { channel(id: $id) { id } }') },
  'Query.node(id)': {
    types: ['Channel', 'Message', 'Membership', 'DeviceSession', 'Match', 'Attachment', 'Report'],
    call: by('query ($id: ID!) { node(id: $id) { id } }'),
  },
  'Query.sessions(after)': {
    types: ['DeviceSession'],
    call: by('query ($id: ID!) { sessions(after: $id) { id } }'),
  },
  'Mutation.addReaction(messageId)': mutation('Message', 'addReaction(messageId: $id, emoji: "👍") { id }'),
  'Mutation.ban(channelId)': onOther('ban(channelId: $id, userId: $userId) { id }'),
  'Mutation.kick(channelId)': onOther('kick(channelId: $id, userId: $userId) { id }'),
  'Mutation.mute(channelId)': onOther('mute(channelId: $id, userId: $userId) { id }'),
  'Mutation.setRole(channelId)': onOther('setRole(channelId: $id, userId: $userId, role: MEMBER) { id }'),
  'Mutation.unban(channelId)': onOther('unban(channelId: $id, userId: $userId) { id }'),
  'Mutation.closeRoom(channelId)': mutation('Channel', 'closeRoom(channelId: $id) { id }'),
  'Mutation.deleteMessage(messageId)': mutation('Message', 'deleteMessage(messageId: $id) { id }'),
  'Mutation.editMessage(messageId)': mutation('Message', 'editMessage(messageId: $id, text: "New") { id }'),
  'Mutation.finishUpload(id)': mutation('Attachment', 'finishUpload(id: $id) { id }'),
  'Mutation.invite(channelId)': {
    types: ['Channel'],
    call: by('mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }', () => ({
      userId: eve.id,
    })),
  },
  'Mutation.joinRoom(channelId)': mutation('Channel', 'joinRoom(channelId: $id) { id }'),
  'Mutation.leaveChannel(channelId)': mutation('Channel', 'leaveChannel(channelId: $id) { id }'),
  'Mutation.markSeen(channelId)': mutation('Channel', 'markSeen(channelId: $id, seq: 1) { id }'),
  'Mutation.report(input.messageId)': mutation('Message', 'report(input: { messageId: $id, reason: "spam" }) { id }'),
  'Mutation.resolveReport(id)': mutation('Report', 'resolveReport(id: $id, action: DISMISS) { id }'),
  'Mutation.markUnread(channelId)': mutation('Channel', 'markUnread(channelId: $id, seq: 1) { id }'),
  'Mutation.pinMessage(messageId)': mutation('Message', 'pinMessage(messageId: $id) { id }'),
  'Mutation.removeReaction(messageId)': mutation('Message', 'removeReaction(messageId: $id, emoji: "👍") { id }'),
  'Mutation.revokeSession(id)': mutation('DeviceSession', 'revokeSession(id: $id) { id }'),
  'Mutation.send(input.channelId)': mutation(
    'Channel',
    'send(input: { channelId: $id, text: "Hello" }) { message { id } }',
  ),
  'Mutation.send(input.attachmentIds)': inOwnRoom('Attachment', 'attachmentIds: [$id]'),
  'Mutation.send(input.replyToId)': inOwnRoom('Message', 'replyToId: $id'),
  'Mutation.startUpload(input.channelId)': mutation(
    'Channel',
    'startUpload(input: { channelId: $id, filename: "a.txt", byteSize: 1 }) { id }',
  ),
  'Mutation.typing(channelId)': mutation('Channel', 'typing(channelId: $id)'),
  'Mutation.unpinMessage(messageId)': mutation('Message', 'unpinMessage(messageId: $id) { id }'),
  'Mutation.updateMembership(channelId)': mutation(
    'Channel',
    'updateMembership(channelId: $id, input: { pinned: true }) { id }',
  ),
  'Mutation.updateProfile(input.avatarId)': mutation('Attachment', 'updateProfile(input: { avatarId: $id }) { id }'),
  'Mutation.updateRoom(channelId)': mutation('Channel', 'updateRoom(channelId: $id, name: "Mine") { id }'),
  'Mutation.upload(channelId)': {
    types: ['Channel'],
    call: (id) => upload(url, eve.token, { bytes: 'text', filename: 'a.txt' }, id),
  },
  'Subscription.activity(channelId)': {
    types: ['Channel'],
    call: (id) => endOf('subscription ($id: ID!) { activity(channelId: $id) { __typename } }', { id }),
  },
  'Subscription.messages(channelId)': {
    types: ['Channel'],
    call: (id) => endOf('subscription ($id: ID!) { messages(channelId: $id) { id } }', { id }),
  },
};

/** Arguments that take the id of a user: all users may find each other by name, so no user is hidden. */
const idsOfUsers = [
  'Query.user(id)',
  'Mutation.ban(userId)',
  'Mutation.block(userId)',
  'Mutation.editMessage(mentionIds)',
  'Mutation.send(input.mentionIds)',
  'Mutation.invite(userId)',
  'Mutation.kick(userId)',
  'Mutation.mute(userId)',
  'Mutation.openDirect(userId)',
  'Mutation.setRole(userId)',
  'Mutation.unban(userId)',
  'Mutation.reinstateUser(userId)',
  'Mutation.report(input.userId)',
  'Mutation.suspendUser(userId)',
  'Mutation.unblock(userId)',
];

describe('an id of something that belongs to others', () => {
  it('is tested wherever the schema takes an id', () => {
    expect([...Object.keys(calls), ...idsOfUsers].sort()).toEqual(idArguments().sort());
  });

  it.each(Object.entries(calls))('in %s has the response of an id that does not exist', async (_, { types, call }) => {
    for (const id of types.flatMap((type) => foreign[type] ?? [])) {
      expect(await call(id), id).toEqual(await call(missingLike(id)));
    }
  });

  it('never comes back in a response', async () => {
    for (const { types, call } of Object.values(calls)) {
      for (const id of types.flatMap((type) => foreign[type] ?? []))
        expect(JSON.stringify(await call(id))).not.toContain(id);
    }
  });
});

/** Lists the arguments of type ID of every field, and those within input types, as `Type.field(argument.field)`. */
function idArguments(): string[] {
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => type instanceof GraphQLObjectType && !type.name.startsWith('__'),
  ) as GraphQLObjectType[];
  return types.flatMap((type) =>
    Object.values(type.getFields()).flatMap((field) =>
      field.args.flatMap((arg) => idPaths(arg.name, arg.type, [])).map((path) => `${type.name}.${field.name}(${path})`),
    ),
  );
}

function idPaths(path: string, given: GraphQLInputType, above: readonly string[]): string[] {
  const type = getNamedType(given);
  if (type.name === 'ID') return [path];
  if (!(type instanceof GraphQLInputObjectType) || above.includes(type.name)) return [];
  return Object.values(type.getFields()).flatMap((field) =>
    idPaths(`${path}.${field.name}`, field.type, [...above, type.name]),
  );
}

function by(query: string, variables: () => object = () => ({})): Call {
  return (id) => ask(url, query, { ...variables(), id }, eve.token);
}

/** Calls a mutation that acts on a user in a channel. */
function onOther(field: string) {
  const query = `mutation ($id: ID!, $userId: ID!) { ${field} }`;
  return { types: ['Channel'], call: by(query, () => ({ userId: otherId })) };
}

function mutation(type: string, field: string) {
  return { types: [type], call: by(`mutation ($id: ID!) { ${field} }`) };
}

/** Sends a message to Eve's own room, where only the given part of the input can be refused. */
function inOwnRoom(type: string, part: string) {
  const query = `mutation ($id: ID!, $room: ID!) { send(input: { channelId: $room, text: "Hello", ${part} }) { message { id } } }`;
  return { types: [type], call: by(query, () => ({ room: ownRoom })) };
}

/** Follows a subscription until it ends, and returns its errors. */
async function endOf(query: string, variables: Record<string, unknown>): Promise<unknown> {
  const client = socket(url, eve.token);
  const followed = follow(client, query, variables);
  await vi.waitFor(() => expect(followed.ended).not.toBeNull(), patienceMs);
  await client.dispose();
  return { received: followed.received, ended: followed.ended };
}

function missingLike(id: string): string {
  const decoded = decodeId(id);
  if (decoded === null) throw new Error(`${id} is not an id`);
  const uuids = decoded.uuids.split(':').map(() => randomUUID());
  return encodeId(decoded.type, uuids.join(':'));
}

const createRoom = 'mutation { createRoom(input: { name: "Secret", visibility: PRIVATE }) { id } }';

/** Matches two users. */
async function matchOf(one: Person, other: Person) {
  for (const person of [one, other]) await person.ask('mutation { match { id } }');
  return vi.waitFor(async () => {
    const { match } = await one.ask('{ match { id channel { id } } }');
    expect(match?.channel).toBeTruthy();
    return match as { id: string; channel: { id: string } };
  }, patienceMs);
}

async function uploadFile(by: Person, channelId: string | null): Promise<string> {
  const bytes = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  const { data } = await upload(url, by.token, { bytes, filename: 'a.png' }, channelId);
  return data.upload.id;
}

async function sendTo(channelAuthor: Person, channelId: string, fileId: string): Promise<string> {
  const input = { channelId, text: 'Hello', attachmentIds: [fileId] };
  const { send } = await channelAuthor.ask('mutation ($input: SendInput!) { send(input: $input) { message { id } } }', {
    input,
  });
  return send.message.id;
}

async function membershipOf(member: Person, channelId: string): Promise<string> {
  const { channel } = await member.ask('query ($id: ID!) { channel(id: $id) { viewerMembership { id } } }', {
    id: channelId,
  });
  return channel.viewerMembership.id;
}
