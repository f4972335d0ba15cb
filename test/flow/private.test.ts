import { beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, guest, type Person } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';

let url: string;
let ada: Person;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [ada, bob, eve] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob'), guest(url, 'Eve')]);
  return app.stop;
});

const createRoom = 'mutation { createRoom(input: { name: "Secret", visibility: PRIVATE }) { id } }';
const invite = 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id name memberCount } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id name memberCount } }';
const send = `mutation ($input: SendInput!) {
  send(input: $input) { message { id text replyTo { text } channel { name memberCount messages { position } } } }
}`;
const edit = 'mutation ($id: ID!, $text: String!) { editMessage(messageId: $id, text: $text) { id } }';

describe('an outsider of a private channel', () => {
  it('learns nothing by inviting, neither a member nor another user', async () => {
    const { openDirect } = await ada.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: bob.id });
    const { createRoom: room } = await ada.ask(createRoom);
    for (const { id } of [openDirect, room]) {
      expect(await eve.codeOf(invite, { id, userId: ada.id })).toBe('NOT_FOUND');
      expect(await eve.codeOf(invite, { id, userId: bob.id })).toBe('NOT_FOUND');
      expect((await eve.ask('query ($id: ID!) { channel(id: $id) { id } }', { id })).channel).toBeNull();
    }
  });

  it('who was a member learns nothing that came later', async () => {
    const { createRoom: room } = await ada.ask(createRoom);
    const { id } = room;
    await addMember(ada, bob, id);
    const first = await ada.ask(send, { input: { channelId: id, text: 'before', clientId: 'a' } });
    const input = { channelId: id, text: 'a reply', clientId: 'b', replyToId: first.send.message.id };
    await bob.ask(send, { input });
    await bob.ask(leave, { id });
    await ada.ask(edit, { id: first.send.message.id, text: 'after' });
    await ada.ask('mutation ($id: ID!) { updateRoom(channelId: $id, name: "Changed") { id } }', { id });

    const retried = (await bob.ask(send, { input })).send.message;
    expect(retried).toMatchObject({
      text: 'a reply',
      replyTo: null,
      channel: { name: null, memberCount: 0, messages: null },
    });
    expect((await bob.ask(leave, { id })).leaveChannel).toMatchObject({ name: null, memberCount: 0 });
  });
});

describe('bad input', () => {
  it.each<[string, string, string | null]>([
    ['rooms', '{ rooms(search: "a\\u0000b") { nodes { id } } }', null],
    ['users', '{ users(search: "a\\u0000b") { nodes { id } } }', null],
    ...['------------------------------------', 'x', '\\u0000'].flatMap((cursor): [string, string, string][] => [
      [
        'rooms',
        `{ rooms(after: "${Buffer.from(`1:${cursor}`).toString('base64url')}") { nodes { id } } }`,
        'BAD_USER_INPUT',
      ],
      ['rooms', `{ rooms(after: "1:${cursor}") { nodes { id } } }`, 'BAD_USER_INPUT'],
      ['users', `{ users(after: "${cursor}:x", search: "a") { nodes { id } } }`, 'BAD_USER_INPUT'],
    ]),
    ['time', `{ rooms(after: "999999999999999:${crypto.randomUUID()}") { nodes { id } } }`, 'BAD_USER_INPUT'],
  ])('to %s is not a fault of the server: %s', async (_what, query, code) => {
    const { errors } = await ask(url, query, {}, ada.token);
    expect(errors[0]?.extensions['code'] ?? null).toBe(code);
  });

  it('cannot make the server read without a bound', async () => {
    const { createRoom: room } = await ada.ask(createRoom);
    const page = (inner: string) => `messages(last: 100) { nodes { channel { ${inner} } } }`;
    const query = `query ($id: ID!) { channel(id: $id) { ${page(page(page('id')))} } }`;
    const { errors } = await ask(url, query, { id: room.id }, ada.token);
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining('smaller pages'),
      extensions: { code: 'BAD_REQUEST' },
    });
    expect(errors).toHaveLength(1);
  });
});

describe('changes', () => {
  it('with `first: 0` continue from the same position', async () => {
    const { createRoom: room } = await ada.ask(createRoom);
    const query =
      'query ($id: ID!) { channel(id: $id) { changes(after: 0, first: 0) { position hasMore messages { id } } } }';
    expect((await ada.ask(query, { id: room.id })).channel.changes).toEqual({
      position: 0,
      hasMore: true,
      messages: [],
    });
  });
});

describe('signing in', () => {
  it('returns the private fields of the new user', async () => {
    const { data } = await ask(
      url,
      'mutation { register(input: { name: "Kim", email: "kim@example.org", password: "correct horse" }) { user { email isModerator } } }',
    );
    expect(data.register.user).toEqual({ email: 'kim@example.org', isModerator: false });
  });
});
