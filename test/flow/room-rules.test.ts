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
