import { randomBytes } from 'node:crypto';
import { mayRead } from '../../../api/domain/policies.ts';
import { ask, type Data, type GraphQLResponse } from '../../support/client.ts';
import { addMember, openDirectOf } from '../../support/invitations.ts';
import { upload } from '../../support/upload.ts';
import type { Ids } from './values.ts';

/** Kinds of viewers who send the operations. */
export const kinds = ['nobody', 'guest', 'member', 'owner', 'blocked'] as const;
export type Kind = (typeof kinds)[number];

/** Text that only some viewers may see. */
interface Secret {
  text: string;
  name: string;
  readers: readonly Kind[];
}

/** People, rooms and messages of one part of a run. */
export interface World {
  /** Tokens of the viewers; nobody has none. */
  tokens: Readonly<Record<Kind, string | undefined>>;
  secrets: readonly Secret[];
  /** Returns the ids that a viewer's operation may name. Invitations into rooms with secrets would make readers of others. */
  idsFor(field: string): Ids;
  /** Sends messages with secrets, for subscriptions that should not deliver them. */
  whisper(): Promise<void>;
}

interface Someone {
  id: string;
  token: string;
  refreshToken: string;
  email: string;
  device: string;
  ask(query: string, variables?: object): Promise<Data>;
}

/** Beginning of every secret; no text of the fuzzer contains it, so that no search can find one by itself. */
const mark = 'zqx';
const secret = () => `${mark}${randomBytes(12).toString('hex')}`;
const privateRoom = { kind: 'ROOM', visibility: 'PRIVATE' } as const;

/**
 * Creates a world: a private room and a direct channel of two others, and a viewer who left the room and is blocked;
 * a private room of the viewers `owner` and `member`; and a public room.
 */
export async function createWorld(url: string): Promise<World> {
  const [ada, bob, hidden, guest, member, owner, blocked] = await Promise.all(
    Array.from({ length: 7 }, (_, n) =>
      register(url, n === 2 ? `${mark}${randomBytes(6).toString('hex')}` : `Person ${n}`),
    ),
  );
  if (!ada || !bob || !hidden || !guest || !member || !owner || !blocked) throw new Error('seven people are needed');
  const viewers = { guest, member, owner, blocked };
  const foreign = await openRoom(url, ada, [bob, hidden, blocked]);
  await blocked.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id: foreign.id });
  const direct = await fill(url, ada, await openDirectOf(ada, bob));
  for (const { id } of [hidden, blocked]) await ada.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id });
  const shared = await openRoom(url, owner, [member]);
  const open = await ada.ask('mutation { createRoom(input: { name: "Everybody" }) { id } }');
  const own = await owner.ask('mutation { createRoom(input: { name: "Another", visibility: PRIVATE }) { id } }');
  const sessionId = (await ada.ask('{ sessions { id } }')).sessions[0].id;
  const hiddenName = (await hidden.ask('{ me { name } }')).me.name;

  const left = { state: 'LEFT' } as const;
  const active = { state: 'ACTIVE' } as const;
  const readersOf = (members: Partial<Record<Kind, typeof left | typeof active>>) =>
    kinds.filter((kind) => mayRead(privateRoom, members[kind] ?? null) === null);
  const secrets = [
    ...secretsOf('the private room of others', foreign, readersOf({ blocked: left })),
    ...secretsOf('the direct channel of others', direct, readersOf({})),
    ...secretsOf('the private room of the viewers', shared, readersOf({ member: active, owner: active })),
    ...[ada, bob, hidden].flatMap((one) => personalSecrets(one, [])),
    ...Object.entries(viewers).flatMap(([kind, one]) => personalSecrets(one, [kind as Kind])),
    { text: sessionId, name: 'the session of another', readers: [] },
    { text: hiddenName, name: 'the list of users whom another has blocked', readers: [] },
  ];

  const channels = [open.createRoom.id, own.createRoom.id];
  const ids = {
    User: [ada.id, bob.id, ...Object.values(viewers).map(({ id }) => id)],
    Channel: [...channels, foreign.id, direct.id, shared.id, shared.id],
    Message: [foreign, direct, shared, shared].flatMap(({ messageIds }) => messageIds),
    Attachment: [foreign, direct, shared].map(({ fileId }) => fileId),
    Membership: [foreign, direct, shared].map(({ membershipId }) => membershipId),
    DeviceSession: [sessionId],
  };
  const opening = new Set(['invite', 'updateRoom']);
  return {
    tokens: { nobody: undefined, guest: guest.token, member: member.token, owner: owner.token, blocked: blocked.token },
    secrets,
    idsFor: (field) => (opening.has(field) ? { ...ids, Channel: channels } : ids),
    async whisper() {
      for (const { id, text } of [foreign, direct]) await ada.ask(send, { input: { channelId: id, text } });
    },
  };
}

const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';

/** A channel whose name, messages and file say a secret. */
type Filled = Awaited<ReturnType<typeof fill>>;

async function openRoom(url: string, owner: Someone, members: readonly Someone[]): Promise<Filled> {
  const name = secret();
  const { createRoom } = await owner.ask(
    'mutation ($name: String!) { createRoom(input: { name: $name, visibility: PRIVATE }) { id name } }',
    { name },
  );
  for (const member of members) await addMember(owner, member, createRoom.id);
  return { ...(await fill(url, owner, createRoom.id)), name };
}

async function fill(url: string, author: Someone, id: string) {
  const [text, filename] = [secret(), secret()];
  const { data } = await upload(url, author.token, { bytes: 'text', filename: `${filename}.txt` }, id);
  const fileId: string = data.upload.id;
  const first = await author.ask(send, { input: { channelId: id, text, attachmentIds: [fileId] } });
  const second = await author.ask(send, { input: { channelId: id, text: `${text} again` } });
  const { channel } = await author.ask('query ($id: ID!) { channel(id: $id) { viewerMembership { id } } }', { id });
  const messageIds: string[] = [first, second].map((sent) => sent.send.message.id);
  return { id, text, filename, fileId, messageIds, membershipId: channel.viewerMembership.id as string, name: '' };
}

function secretsOf(place: string, filled: Filled, readers: readonly Kind[]): Secret[] {
  const { id, name, text, filename, fileId, messageIds, membershipId } = filled;
  const found = {
    id,
    name,
    text,
    filename,
    'file id': fileId,
    'membership id': membershipId,
    'message id': messageIds[0] ?? '',
  };
  return Object.entries(found)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ({ text: value, name: `${name} of ${place}`, readers }));
}

/** Tokens are never shown again, not even to their owner; e-mail address and devices are the owner's. */
function personalSecrets({ token, refreshToken, email, device }: Someone, readers: readonly Kind[]): Secret[] {
  return [
    { text: token, name: 'a token', readers: [] },
    { text: refreshToken, name: 'a refresh token', readers: [] },
    { text: email, name: 'an e-mail address', readers },
    { text: device, name: 'a device', readers },
  ];
}

async function register(url: string, name: string): Promise<Someone> {
  const [email, device] = [`${secret()}@example.org`, secret()];
  const input = { name, email, device, password: `correct horse ${device}` };
  const query = 'mutation ($input: RegisterInput!) { register(input: $input) { token refreshToken user { id } } }';
  const { token, refreshToken, user } = dataOf(await ask(url, query, { input })).register;
  return {
    id: user.id,
    token,
    refreshToken,
    email,
    device,
    ask: async (operation, variables = {}) => dataOf(await ask(url, operation, variables, token)),
  };
}

function dataOf({ data, errors }: GraphQLResponse): Data {
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return data;
}
