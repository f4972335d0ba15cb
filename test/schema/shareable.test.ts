import {
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { schema } from '../../schema/index.ts';
import { startApp } from '../support/app.ts';
import { type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';
import { upload } from '../support/upload.ts';
import { openStream } from '../support/wire.ts';

let url: string;
let ada: Person;
let bob: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  const room = 'mutation { createRoom(input: { name: "Talk", visibility: PRIVATE }) { id } }';
  channelId = (await ada.ask(room)).createRoom.id;
  await addMember(ada, bob, channelId);
  return app.stop;
});

const isShareable = ({ extensions }: GraphQLField<unknown, unknown>) => extensions['isShareable'] !== undefined;

/** Selects every field below a type that is declared shareable, each object type once. */
function selectShareable(type: GraphQLObjectType, seen: Set<string>): string {
  const all = Object.values(type.getFields()).filter(isShareable);
  const rank = (field: GraphQLField<unknown, unknown>) => Number(!isLeafType(getNamedType(field.type)));
  const fields = all.sort((a, b) => rank(a) - rank(b));
  const parts = fields.flatMap((field) => {
    const name = `${type.name}.${field.name}`;
    const inner = getNamedType(field.type);
    if (seen.has(name)) return [];
    seen.add(name);
    if (isLeafType(inner)) return [field.name];
    if (!isObjectType(inner)) throw new Error(`${name} is declared shareable: teach this test to select from ${inner}`);
    const below = selectShareable(inner, seen);
    return below === '' ? [] : [`${field.name} { ${below} }`];
  });
  return parts.join(' ');
}

/** Object types that a selection on a type can reach. */
function reachable(type: GraphQLObjectType, found = new Set<GraphQLObjectType>()): Set<GraphQLObjectType> {
  if (found.has(type)) return found;
  found.add(type);
  for (const field of Object.values(type.getFields())) {
    const inner = getNamedType(field.type);
    const types = isUnionType(inner) || isInterfaceType(inner) ? schema.getPossibleTypes(inner) : [inner];
    for (const one of types) if (isObjectType(one)) reachable(one, found);
  }
  return found;
}

async function say(text: string, replyToId: string | null = null, person = ada): Promise<string> {
  const { data } = await upload(url, person.token, { bytes: text, filename: 'said.txt' }, channelId);
  const send = `mutation ($input: SendInput!) { send(input: $input) { message { id } } }`;
  const input = { channelId, text, replyToId, attachmentIds: [data.upload.id] };
  return (await person.ask(send, { input })).send.message.id;
}

/** Delivers a message to both viewers: over WebSockets, where results are shared, and over HTTP, where they are not. */
async function deliver(
  selection: string,
  replyToId: string | null = null,
  { fragments = '', isHiddenFromBob = false } = {},
) {
  const query = `subscription ($id: ID!, $after: Int) { messages(channelId: $id, after: $after) { ${selection} } } ${fragments}`;
  const after = (await ada.ask('query ($id: ID!) { channel(id: $id) { position } }', { id: channelId })).channel
    .position;
  const variables = { id: channelId, after };
  const clients = [socket(url, ada.token), socket(url, bob.token)];
  const followed = clients.map((client) => follow(client, query, variables));
  const streams = await Promise.all([ada, bob].map(({ token }) => openStream(url, query, { token, variables })));
  await say('Something', replyToId);
  // A reply is followed by the message that it replies to, with its new number of replies.
  const deliveries = replyToId === null ? [1, 1] : [2, isHiddenFromBob ? 1 : 2];
  await vi.waitFor(() => expect(followed.map(({ received }) => received.length)).toEqual(deliveries));
  const events = await Promise.all(streams.map((stream) => stream.next()));
  for (const stream of streams) stream.abort();
  await Promise.all(clients.map((client) => client.dispose()));
  return {
    shared: followed.map(({ received }) => received[0] as Data),
    separate: events.map((event) => event?.data?.data?.['messages'] as Data),
  };
}

describe('a field that is declared shareable', () => {
  const seen = new Set<string>();
  const message = schema.getType('Message') as GraphQLObjectType;
  const below = selectShareable(message, seen);

  it('is selected by the test below', () => {
    const declared = [...reachable(message)]
      .flatMap((type) =>
        Object.values(type.getFields())
          .filter(isShareable)
          .map(({ name }) => `${type.name}.${name}`),
      )
      .filter((name) => /^(Message|User|Channel|ChannelSettings|Attachment|Reaction)\./.test(name));
    expect([...seen].sort()).toEqual(declared.sort());
    expect(seen.size).toBeGreaterThan(20);
  });

  it('has the same value for every member, executed for each or once for all', async () => {
    const first = await say('First');
    const { shared, separate } = await deliver(`${below} replyTo { id text author { id name } }`, first);
    const [one] = separate;
    for (const other of [...separate, ...shared]) expect(other).toEqual(one);
    expect(one).toMatchObject({ text: 'Something', replyTo: { id: first, text: 'First' }, channel: { name: 'Talk' } });
    expect(one.attachments).toMatchObject([{ filename: 'said.txt', url: expect.stringContaining('/files/') }]);
  });
});

describe('a message of a blocked user', () => {
  const nested = 'text author { name }';
  const blocked = { text: 'Something', replyTo: null };
  const through = { text: 'Something', replyTo: { text: 'To Eve', replyTo: null } };

  it.each([
    ['is left out if the event is a reply to it', 'eve', `text replyTo { ${nested} }`, '', blocked],
    ['is left out at a deeper level', 'bob', `text replyTo { text replyTo { ${nested} } }`, '', through],
    [
      'is left out below fragments',
      'bob',
      'text ...Event',
      `fragment Event on Message { replyTo { text ... on Message { ...Below } } }
       fragment Below on Message { replyTo { ${nested} } }`,
      through,
    ],
  ])('%s', async (_case, original, selection, fragments, expected) => {
    const eve = await guest(url, 'Eve');
    await addMember(ada, eve, channelId);
    await bob.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id: eve.id });
    const eves = await say('Of Eve', null, eve);
    const adas = await say('To Eve', eves);
    const isHiddenFromBob = original === 'eve';
    const given = { fragments, isHiddenFromBob };
    const { shared, separate } = await deliver(selection, isHiddenFromBob ? eves : adas, given);
    expect(shared[1]).toEqual(expected);
    expect(JSON.stringify(shared[0])).toContain('Of Eve');
    expect(shared).toEqual(separate);
  });
});

describe('a field that is not declared shareable', () => {
  it.each([
    ['author { isModerator }', '', { author: { isModerator: false } }, { author: { isModerator: null } }],
    [
      'author { ...Own }',
      'fragment Own on User { unreadCount }',
      { author: { unreadCount: expect.any(Number) } },
      { author: { unreadCount: null } },
    ],
    [
      'channel { viewerMembership { role } }',
      '',
      { channel: { viewerMembership: { role: 'OWNER' } } },
      { channel: { viewerMembership: { role: 'MEMBER' } } },
    ],
  ])('is executed for each viewer: %s %s', async (selection, fragments, forAda, forBob) => {
    const { shared } = await deliver(selection, null, { fragments });
    expect(shared[0]).toEqual(forAda);
    expect(shared[1]).toEqual(forBob);
  });
});
