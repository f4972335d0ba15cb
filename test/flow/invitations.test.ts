import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, followMessages, guest, type Person, socket } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';
import { followUpdates } from '../support/updates.ts';
import { presentCursor, takeUpdates } from '../support/updates-flow.ts';

let url: string;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  const app = await startApp({ RATE_LIMITS: 'off' });
  ({ url } = app);
  [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  return app.stop;
});

const parts = `id name memberCount viewerCan peer { name } lastMessage { text } messages { nodes { text } } members { nodes { name } }
  viewerMembership { id state unreadCount invitedBy { name } }`;
const look = `query ($id: ID!) { channel(id: $id) { ${parts} } me { unreadCount channels(first: 100) { nodes { id } } } }`;
const create = 'mutation { createRoom(input: { name: "Hall", visibility: PRIVATE }) { id } }';
const invite = 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { memberCount } }';
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { memberCount } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { name viewerMembership { state } } }';
const open = 'mutation ($id: ID!) { openDirect(userId: $id) { id memberCount viewerMembership { state } } }';
const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
const rename = 'mutation ($id: ID!, $name: String!) { updateRoom(channelId: $id, name: $name) { id } }';
const markSeen = 'mutation ($id: ID!) { markSeen(channelId: $id, seq: 1) { id } }';

const pinFirst = 'mutation ($id: ID!) { updateMembership(channelId: $id, input: { pinned: true }) { id } }';
const typing = 'mutation ($id: ID!) { typing(channelId: $id) }';

const room = async () => (await ada.ask(create)).createRoom.id as string;
const direct = async (other: Person) => (await ada.ask(open, { id: other.id })).openDirect.id as string;
const lookAt = async (who: Person, id: string) => (await who.ask(look, { id })).channel;

describe('a user who is invited to a private room', () => {
  it('sees the room and who asks, but not its messages and members, until the user joins', async () => {
    const id = await room();
    await ada.ask(send, { id, text: 'before' });
    expect((await ada.ask(invite, { id, userId: bob.id })).invite).toEqual({ memberCount: 1 });

    const { channel, me } = await bob.ask(look, { id });
    expect(channel).toMatchObject({
      name: 'Hall',
      memberCount: 1,
      messages: null,
      lastMessage: null,
      members: null,
      viewerMembership: { state: 'INVITED', unreadCount: 0, invitedBy: { name: 'Ada' } },
    });
    expect(channel.viewerCan).toEqual(['JOIN', 'LEAVE']);
    expect(me.channels.nodes).toContainEqual({ id });
    expect(await bob.codeOf(send, { id, text: 'hello' })).toBe('FORBIDDEN');
    const membership = 'query ($id: ID!) { node(id: $id) { id } }';
    expect((await ada.ask(membership, { id: channel.viewerMembership.id })).node).toBeNull();
    expect((await bob.ask(membership, { id: channel.viewerMembership.id })).node).not.toBeNull();

    expect((await bob.ask(join, { id })).joinRoom).toEqual({ memberCount: 2 });
    expect(await lookAt(bob, id)).toMatchObject({ viewerMembership: { state: 'ACTIVE', invitedBy: { name: 'Ada' } } });
    expect((await lookAt(bob, id)).messages.nodes.map(({ text }: Data) => text)).toEqual(['', 'before', '']);
  });

  it('declines for good: nobody may ask again, and the user may still join', async () => {
    const id = await room();
    await ada.ask(invite, { id, userId: bob.id });
    for (let n = 0; n < 2; n++)
      expect((await bob.ask(leave, { id })).leaveChannel).toEqual({ name: null, viewerMembership: null });
    expect(await lookAt(bob, id)).toBeNull();
    expect(await ada.codeOf(invite, { id, userId: bob.id })).toBe('CONFLICT');
    expect((await bob.ask(join, { id })).joinRoom).toEqual({ memberCount: 2 });
  });

  it('hears of the invitation, of a new name and of nothing that is said, live and after a resume', async () => {
    const eve = await guest(url, 'Eve');
    const start = await presentCursor(eve);
    const client = socket(url, eve.token);
    const updates = followUpdates(client, null);
    const list = follow(client, 'subscription { channels { id name viewerMembership { state } } }');
    await vi.waitFor(() => expect(updates.hasCaughtUp()).toBe(true));
    const id = await room();
    await ada.ask(invite, { id, userId: eve.id });
    await vi.waitFor(() => expect(updates.events('ChannelChanged')).toMatchObject([{ channel: { id, name: 'Hall' } }]));
    await ada.ask(send, { id, text: 'secret' });
    await ada.ask(rename, { id, name: 'Kitchen' });
    await vi.waitFor(() =>
      expect(updates.events('ChannelChanged').at(-1)).toMatchObject({ channel: { name: 'Kitchen' } }),
    );
    const shown = { id, name: 'Kitchen', viewerMembership: { state: 'INVITED' } };
    await vi.waitFor(() => expect(list.received.at(-1)).toEqual(shown));
    const { events, cursor } = await takeUpdates(eve, start);
    expect(events.map(({ __typename }) => __typename)).toEqual(['MembershipChanged', 'ChannelChanged']);
    expect(updates.texts()).toEqual([]);

    await eve.ask(join, { id });
    await ada.ask(send, { id, text: 'welcome' });
    await vi.waitFor(() => expect(updates.texts()).toEqual(['welcome']));
    const { events: later } = await takeUpdates(eve, cursor);
    expect(later.map(({ __typename }) => __typename)).toEqual(
      expect.arrayContaining(['MembershipChanged', 'ChannelChanged', 'MessageChanged']),
    );
    expect(JSON.stringify(later)).not.toContain('secret');
    expect(later.map(({ __typename }) => __typename)).not.toContain('ResyncRequired');
    await client.dispose();
  });
});

describe('a user who is asked for a direct conversation', () => {
  it('reads it without counts, and accepts by a reply', async () => {
    const eve = await guest(url, 'Eve');
    const id = await direct(eve);
    await ada.ask(send, { id, text: 'hello' });
    const { channel, me } = await eve.ask(look, { id });
    expect(channel).toMatchObject({
      memberCount: 1,
      peer: { name: 'Ada' },
      lastMessage: { text: 'hello' },
      messages: { nodes: [{ text: 'hello' }] },
      viewerMembership: { state: 'INVITED', unreadCount: 0, invitedBy: { name: 'Ada' } },
    });
    expect(channel.viewerCan).toEqual(['SEND', 'ATTACH', 'JOIN', 'LEAVE']);
    expect(me).toEqual({ unreadCount: 0, channels: { nodes: [{ id }] } });
    for (const document of [markSeen, pinFirst, typing]) expect(await eve.codeOf(document, { id })).toBe('FORBIDDEN');

    await eve.ask(send, { id, text: 'hi' });
    expect(await lookAt(eve, id)).toMatchObject({
      memberCount: 2,
      viewerMembership: { state: 'ACTIVE', unreadCount: 1 },
    });
    expect((await lookAt(ada, id)).peer).toEqual({ name: 'Eve' });
  });

  it('hides the conversation after accepting it, until the next message', async () => {
    const eve = await guest(url, 'Eve');
    const id = await direct(eve);
    await eve.ask(send, { id, text: 'hi' });
    const listed = async () => (await eve.ask(look, { id })).me.channels.nodes;
    expect(await listed()).toEqual([{ id }]);
    for (let n = 0; n < 2; n++)
      expect((await eve.ask(leave, { id })).leaveChannel).toMatchObject({ viewerMembership: { state: 'ACTIVE' } });
    expect(await listed()).toEqual([]);

    await ada.ask(send, { id, text: 'are you there?' });
    expect(await listed()).toEqual([{ id }]);
  });

  it('gets its messages live and after a resume, until the user declines', async () => {
    const eve = await guest(url, 'Eve');
    const start = await presentCursor(eve);
    const id = await direct(eve);
    const client = socket(url, eve.token);
    const updates = followUpdates(client, null);
    const followed = followMessages(client, id, 0);
    await vi.waitFor(() => expect(updates.hasCaughtUp()).toBe(true));
    await ada.ask(send, { id, text: 'one' });
    await vi.waitFor(() => expect(followed.received.map(({ text }) => text)).toEqual(['one']));
    await vi.waitFor(() => expect(updates.texts()).toEqual(['one']));
    const { events, cursor } = await takeUpdates(eve, start);
    expect(events).toMatchObject([
      { __typename: 'MembershipChanged', channelId: id },
      { __typename: 'ChannelChanged' },
      { __typename: 'MessageChanged', message: { text: 'one' } },
    ]);

    await eve.ask(leave, { id });
    await vi.waitFor(() => expect(updates.events('MembershipChanged').at(-1)).toMatchObject({ membership: null }));
    await ada.ask(send, { id, text: 'two' });
    await vi.waitFor(() => expect(followed.ended?.errors[0]?.extensions?.['code']).toBe('FORBIDDEN'));
    expect((await takeUpdates(eve, cursor)).events).toEqual([
      { __typename: 'MembershipChanged', channelId: id, membership: null },
    ]);
    expect([followed.received.length, updates.texts()]).toEqual([1, ['one']]);
    await client.dispose();
  });

  it('is not asked again after declining, and comes back by opening it, with everything unread', async () => {
    const eve = await guest(url, 'Eve');
    const id = await direct(eve);
    await ada.ask(send, { id, text: 'one' });
    await eve.ask(leave, { id });
    const start = await presentCursor(eve);
    expect((await ada.ask(open, { id: eve.id })).openDirect).toMatchObject({ id, memberCount: 1 });
    expect(await lookAt(eve, id)).toBeNull();
    expect(await eve.codeOf(send, { id, text: 'hi' })).toBe('NOT_FOUND');

    const back = (await eve.ask(open, { id: ada.id })).openDirect;
    expect(back).toEqual({ id, memberCount: 2, viewerMembership: { state: 'ACTIVE' } });
    expect((await lookAt(eve, id)).viewerMembership.unreadCount).toBe(1);
    const { events } = await takeUpdates(eve, start);
    expect(events.map(({ __typename }) => __typename)).toEqual([
      'MembershipChanged',
      'ChannelChanged',
      'ResyncRequired',
    ]);
  });
});

describe('a block', () => {
  const block = 'mutation ($id: ID!) { block(userId: $id) { id } }';
  const say =
    'mutation ($id: ID!) { send(input: { channelId: $id, text: "hello", clientId: "one" }) { message { id } } }';

  it('at the moment of a message lets it have its place or refuses it, and ends the conversation', async () => {
    const [kim, eve] = await Promise.all([guest(url, 'Kim'), guest(url, 'Eve')]);
    const id = (await kim.ask(open, { id: eve.id })).openDirect.id;
    await eve.ask(send, { id, text: 'accepted' });
    const [code] = await Promise.all([kim.codeOf(say, { id }), eve.codeOf(block, { id: kim.id })]);
    expect([null, 'CONFLICT']).toContain(code);
    const texts = (await lookAt(kim, id)).messages.nodes.map(({ text }: Data) => text);
    expect(texts).toEqual(code === null ? ['accepted', 'hello'] : ['accepted']);
    // A retry of the message that has its place returns it.
    expect(await kim.codeOf(say, { id })).toBe(code);
    for (const one of [kim, eve]) {
      expect(await one.codeOf(send, { id, text: 'more' })).toBe('CONFLICT');
      expect((await lookAt(one, id)).viewerCan).not.toContain('SEND');
    }
  });

  it('at the moment of a match lets the two be matched or keeps them apart', async () => {
    const match = 'mutation { match { status partner { id } } }';
    const [kim, eve] = await Promise.all([guest(url, 'Kim'), guest(url, 'Eve')]);
    await kim.ask(match);
    await Promise.all([eve.ask(match), kim.ask(block, { id: eve.id })]);
    const states = await Promise.all(
      [kim, eve].map(async (one) => (await one.ask('{ match { status partner { id } } }')).match),
    );
    const partners = states.map((state) => state?.partner?.id ?? null);
    expect([
      [null, null],
      [eve.id, kim.id],
    ]).toContainEqual(partners);
    for (const one of [kim, eve]) await one.ask('mutation { unmatch { id } }');
  });
});

describe('an invitation', () => {
  it('is refused to outsiders, invited users, unknown users and users who are not signed in', async () => {
    const [id, eve] = [await room(), await guest(url, 'Eve')];
    await ada.ask(invite, { id, userId: bob.id });
    expect(await eve.codeOf(invite, { id, userId: bob.id })).toBe('NOT_FOUND');
    expect(await bob.codeOf(invite, { id, userId: eve.id })).toBe('FORBIDDEN');
    expect(await ada.codeOf(invite, { id, userId: 'nobody' })).toBe('NOT_FOUND');
    expect(await ada.codeOf(invite, { id, userId: ada.id })).toBe('BAD_USER_INPUT');
    const { errors } = await ask(url, invite, { id, userId: bob.id });
    expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });

  it('of a member changes nothing, and a former member is asked again', async () => {
    const id = await room();
    await addMember(ada, bob, id);
    expect((await ada.ask(invite, { id, userId: bob.id })).invite).toEqual({ memberCount: 2 });
    expect((await lookAt(bob, id)).viewerMembership.state).toBe('ACTIVE');
    await bob.ask(leave, { id });
    await ada.ask(invite, { id, userId: bob.id });
    expect((await lookAt(bob, id)).viewerMembership.state).toBe('INVITED');
  });

  it('that is accepted and declined at the same moment has one of the two outcomes', async () => {
    const id = await room();
    await ada.ask(invite, { id, userId: bob.id });
    const codes = await Promise.all([bob.codeOf(join, { id }), bob.codeOf(leave, { id })]);
    const channel = await lookAt(bob, id);
    expect(codes.every((code) => code === null || code === 'CONFLICT')).toBe(true);
    expect([undefined, 'ACTIVE']).toContain(channel?.viewerMembership.state);
  });
});
