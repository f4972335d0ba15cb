import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { upload } from '../support/upload.ts';

let url: string;
let ada: Person;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [ada, bob, eve] = (await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => guest(url, name)))) as [
    Person,
    Person,
    Person,
  ];
  return app.stop;
});

const properties = 'id description settings { send attach invite pin slowModeSeconds }';
const create = `mutation ($input: CreateRoomInput!) { createRoom(input: $input) { ${properties} } }`;
const update = `mutation ($id: ID!, $description: String, $settings: ChannelSettingsInput) {
  updateRoom(channelId: $id, description: $description, settings: $settings) { ${properties} }
}`;
const joinRoom = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';
const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { deletedAt text } }';
const can = 'query ($id: ID!) { channel(id: $id) { viewerCan } }';

/** Creates a room of Ada's in which Bob is a member. */
async function openRoom(input: object = {}): Promise<string> {
  const { id } = (await ada.ask(create, { input: { name: 'Room', ...input } })).createRoom;
  await bob.ask(joinRoom, { id });
  return id;
}

async function say(who: Person, channelId: string, text = 'Hello'): Promise<string> {
  return (await who.ask(send, { input: { channelId, text } })).send.message.id;
}

const capabilitiesOf = async (who: Person, id: string): Promise<string[]> =>
  (await who.ask(can, { id })).channel.viewerCan;

describe('the properties of a room', () => {
  it('have defaults, are set when it is created, and change one by one', async () => {
    const { createRoom: plain } = await ada.ask(create, { input: { name: 'Plain' } });
    expect(plain).toMatchObject({
      description: null,
      settings: { send: 'MEMBER', attach: 'MEMBER', invite: 'MEMBER', pin: 'MODERATOR', slowModeSeconds: 0 },
    });

    const input = {
      name: 'Strict',
      description: ' All about tea ',
      settings: { send: 'MODERATOR', slowModeSeconds: 5 },
    };
    const { createRoom: strict } = await ada.ask(create, { input });
    expect(strict).toMatchObject({
      description: 'All about tea',
      settings: { send: 'MODERATOR', attach: 'MEMBER', slowModeSeconds: 5 },
    });

    const changed = await ada.ask(update, { id: strict.id, settings: { attach: 'OWNER' } });
    expect(changed.updateRoom).toEqual({ ...strict, settings: { ...strict.settings, attach: 'OWNER' } });
    expect((await ada.ask(update, { id: strict.id, description: '' })).updateRoom.description).toBeNull();
  });

  it('are refused when they are out of bounds', async () => {
    const long = { description: 'x'.repeat(1_001), settings: { slowModeSeconds: -1 } };
    const { errors } = await ask(url, create, { input: { name: '', ...long } }, ada.token);
    expect(errors[0]?.extensions['fields'].map(({ path }: Data) => path)).toEqual([
      'input.name',
      'input.description',
      'input.settings.slowModeSeconds',
    ]);
    const id = await openRoom();
    expect(await ada.codeOf(update, { id, settings: { slowModeSeconds: 21_601 } })).toBe('BAD_USER_INPUT');
    expect(await bob.codeOf(update, { id, description: 'Mine' })).toBe('FORBIDDEN');
  });

  it('reach followers of `updates` when they change', async () => {
    const id = await openRoom();
    const updates = follow(
      socket(url, bob.token),
      `subscription { updates { event { __typename ... on ChannelChanged { channel { ${properties} } } } } }`,
    );
    await vi.waitFor(() => expect(updates.received).not.toEqual([]));
    await ada.ask(update, { id, description: 'News', settings: { send: 'OWNER' } });
    const changed = { id, description: 'News', settings: expect.objectContaining({ send: 'OWNER' }) };
    await vi.waitFor(() =>
      expect(updates.received.map(({ event }) => event)).toContainEqual({
        __typename: 'ChannelChanged',
        channel: changed,
      }),
    );
    updates.stop();
  });
});

describe('the settings of a room', () => {
  it('decide who may send, attach and invite, and `viewerCan` says so', async () => {
    const id = await openRoom();
    const attachment = await upload(url, bob.token, { bytes: 'text', filename: 'a.txt' }, id);
    const attachmentIds = [attachment.data.upload.id];
    const before = await capabilitiesOf(bob, id);
    expect(before).toEqual(expect.arrayContaining(['SEND', 'ATTACH', 'INVITE']));

    await ada.ask(update, { id, settings: { attach: 'MODERATOR', invite: 'MODERATOR' } });
    expect(await capabilitiesOf(bob, id)).toEqual(before.filter((name) => name !== 'ATTACH' && name !== 'INVITE'));
    expect(await bob.codeOf(send, { input: { channelId: id, attachmentIds } })).toBe('FORBIDDEN');
    expect((await upload(url, bob.token, { bytes: 'text', filename: 'b.txt' }, id)).errors[0]?.extensions['code']).toBe(
      'FORBIDDEN',
    );
    const invite = 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }';
    expect(await bob.codeOf(invite, { id, userId: eve.id })).toBe('FORBIDDEN');
    await say(bob, id);

    await ada.ask(update, { id, settings: { send: 'OWNER' } });
    expect(await capabilitiesOf(bob, id)).not.toContain('SEND');
    // The permission of the send before is still cached: the bridge refuses.
    expect(await bob.codeOf(send, { input: { channelId: id, text: 'Hello' } })).toBe('FORBIDDEN');
    await say(ada, id);
  });
});

describe('viewerCan', () => {
  it('lets outsiders join open public rooms, and nothing else', async () => {
    const id = await openRoom();
    expect(await capabilitiesOf(eve, id)).toEqual(['JOIN']);
    await ada.ask('mutation ($id: ID!) { closeRoom(channelId: $id) { id } }', { id });
    expect(await capabilitiesOf(eve, id)).toEqual([]);
    expect(await capabilitiesOf(bob, id)).toEqual(['LEAVE']);
    expect(await capabilitiesOf(ada, id)).toEqual(['KICK', 'BAN', 'DELETE_MESSAGES', 'SET_ROLE', 'LEAVE']);
  });
});

describe('deleting messages', () => {
  it('of others is for members with DELETE_MESSAGES', async () => {
    const id = await openRoom();
    const [mine, theirs] = [await say(bob, id), await say(ada, id)];
    expect(await bob.codeOf(remove, { id: theirs })).toBe('FORBIDDEN');
    expect((await ada.ask(remove, { id: mine })).deleteMessage).toEqual({ deletedAt: expect.any(String), text: '' });
  });
});

describe('moderating a room', () => {
  const acts = {
    kick: 'mutation ($id: ID!, $userId: ID!) { kick(channelId: $id, userId: $userId) { memberCount } }',
    ban: 'mutation ($id: ID!, $userId: ID!, $hours: Int) { ban(channelId: $id, userId: $userId, deleteHours: $hours) { memberCount } }',
    unban: 'mutation ($id: ID!, $userId: ID!) { unban(channelId: $id, userId: $userId) { memberCount } }',
    mute: 'mutation ($id: ID!, $userId: ID!, $until: DateTime) { mute(channelId: $id, userId: $userId, until: $until) { mutedUntil } }',
    setRole:
      'mutation ($id: ID!, $userId: ID!, $role: MemberRole = MODERATOR) { setRole(channelId: $id, userId: $userId, role: $role) { role } }',
  };
  const nobody = (who: Person) => who.id.slice(0, -2) + (who.id.endsWith('AA') ? 'BA' : 'AA');

  it.each(Object.entries(acts))('%s is for members of higher roles, and needs a user and a room', async (name, act) => {
    const id = await openRoom();
    expect(await bob.codeOf(act, { id, userId: ada.id })).toBe('FORBIDDEN');
    expect(await eve.codeOf(act, { id, userId: bob.id })).toBe('FORBIDDEN');
    expect((await ask(url, act, { id, userId: bob.id })).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    expect(await ada.codeOf(act, { id, userId: ada.id })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(act, { id, userId: nobody(bob) })).toBe('NOT_FOUND');
    expect(await ada.codeOf(act, { id: 'nothing', userId: bob.id })).toBe('NOT_FOUND');
    const secret = await openSecret();
    expect(await bob.codeOf(act, { id: secret, userId: eve.id })).toBe('NOT_FOUND');
    const isForMembers = name !== 'ban' && name !== 'unban';
    expect(await ada.codeOf(act, { id, userId: eve.id })).toBe(isForMembers ? 'NOT_FOUND' : null);
  });

  it('refuses numbers and times out of bounds', async () => {
    const id = await openRoom();
    expect(await ada.codeOf(acts.ban, { id, userId: bob.id, hours: 169 })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(acts.ban, { id, userId: bob.id, hours: -1 })).toBe('BAD_USER_INPUT');
    const past = new Date(0).toISOString();
    expect(await ada.codeOf(acts.mute, { id, userId: bob.id, until: past })).toBe('BAD_USER_INPUT');
  });

  it('ends the streams of a user who is kicked or banned, and deletes messages', async () => {
    const id = await openRoom();
    const text = await say(bob, id);
    const client = socket(url, bob.token);
    const messages = follow(client, 'subscription ($id: ID!) { messages(channelId: $id) { id } }', { id });
    const updates = follow(
      client,
      'subscription { updates { event { ... on MembershipChanged { channelId membership { id } } } } }',
    );
    await vi.waitFor(() => expect(updates.received).not.toEqual([]));
    await say(ada, id);
    await vi.waitFor(() => expect(messages.received).not.toEqual([]));

    expect((await ada.ask(acts.ban, { id, userId: bob.id, hours: 1 })).ban.memberCount).toBe(1);
    await vi.waitFor(() => expect(messages.ended?.errors[0]?.extensions?.['code']).toBe('FORBIDDEN'));
    await vi.waitFor(() => expect(updates.received).toContainEqual({ event: { channelId: id, membership: null } }));
    updates.stop();
    const history = 'query ($id: ID!) { channel(id: $id) { messages(last: 10) { nodes { id kind deletedAt } } } }';
    const { nodes } = (await ada.ask(history, { id })).channel.messages;
    expect(nodes.find((node: Data) => node.id === text).deletedAt).not.toBeNull();
    expect(nodes.at(-1).kind).toBe('REMOVED');

    expect(await bob.codeOf(joinRoom, { id })).toBe('FORBIDDEN');
    expect(await capabilitiesOf(bob, id)).toEqual([]);
    const invite = 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }';
    expect(await ada.codeOf(invite, { id, userId: bob.id })).toBe('CONFLICT');
    await ada.ask(acts.unban, { id, userId: bob.id });
    await bob.ask(joinRoom, { id });
  });

  it('mutes a member, who can still read, and hands the room over', async () => {
    const id = await openRoom();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect((await ada.ask(acts.mute, { id, userId: bob.id, until })).mute).toEqual({ mutedUntil: until });
    expect(await bob.codeOf(send, { input: { channelId: id, text: 'Hello' } })).toBe('FORBIDDEN');
    expect(await capabilitiesOf(bob, id)).toEqual(['LEAVE']);
    expect((await ada.ask(acts.mute, { id, userId: bob.id, until: null })).mute).toEqual({ mutedUntil: null });
    await say(bob, id);

    expect((await ada.ask(acts.setRole, { id, userId: bob.id, role: 'OWNER' })).setRole).toEqual({ role: 'OWNER' });
    const own = 'query ($id: ID!) { channel(id: $id) { viewerMembership { role } } }';
    expect((await ada.ask(own, { id })).channel.viewerMembership).toEqual({ role: 'MODERATOR' });
    expect(await ada.codeOf(acts.kick, { id, userId: bob.id })).toBe('FORBIDDEN');
  });

  it('slows members down, also without rate limits', async () => {
    const id = await openRoom({ settings: { slowModeSeconds: 3_600 } });
    const input = { channelId: id, text: 'Hello', clientId: 'one' };
    const first = await bob.ask(send, { input });
    const { errors } = await ask(url, send, { input: { ...input, clientId: 'two' } }, bob.token);
    expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
    expect(await bob.ask(send, { input })).toEqual(first);
    expect(await capabilitiesOf(bob, id)).toContain('SEND');
    await say(ada, id);
    await say(ada, id);
  });

  /** Creates a private room that Bob and Eve know nothing of. */
  async function openSecret(): Promise<string> {
    return (await ada.ask(create, { input: { name: 'Secret', visibility: 'PRIVATE' } })).createRoom.id;
  }
});
