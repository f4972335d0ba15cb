import { expect, test, vi } from 'vitest';
import { ignore } from '../../api/ignore.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';

const createRoom = 'mutation { createRoom(input: { name: "Talk", visibility: PRIVATE }) { id } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
const typing = 'mutation ($id: ID!, $active: Boolean) { typing(channelId: $id, active: $active) }';
const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { seq } } }';
const markSeen = 'mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { seenSeq } }';
const block = 'mutation ($id: ID!) { block(userId: $id) { id } }';
const activity = `subscription ($id: ID!) { activity(channelId: $id) {
  ... on Typing { active user { name } }
  ... on Presence { online user { name } }
  ... on Receipt { membership { seenSeq role unreadCount user { name } firstUnseen { id } } }
} }`;

/** A member with a connection, who follows the activity of a room. */
async function present(url: string, person: Person, id: string) {
  const client = socket(url, person.token);
  const followed = follow(client, activity, { id });
  const { received } = followed;
  const shown = (wanted: object) =>
    vi.waitFor(() => {
      expect(followed.ended).toBeNull();
      expect(received).toContainEqual(expect.objectContaining(wanted));
    });
  return { received, shown, followed, close: () => client.dispose() };
}

async function openRoom(owner: Person, ...others: Person[]): Promise<string> {
  const { id } = (await owner.ask(createRoom)).createRoom;
  for (const other of others) await addMember(owner, other, id);
  return id;
}

const isOnline = (name: string, online = true) => ({ online, user: { name } });
const types = (name: string, active = true) => ({ active, user: { name } });

/** Waits until a follower was told of the latest change of its kind. */
const lastIs = (received: readonly Data[], wanted: Data) =>
  vi.waitFor(() => {
    const kind = 'active' in wanted ? 'active' : 'online';
    const last = received.filter((one) => kind in one && one.user.name === wanted.user.name).at(-1);
    expect(last).toEqual(wanted);
  });

/** Settings that the tests need: typing lasts for longer than the patience of a test. */
export const activitySettings = { TYPING_LEASE_MS: '600000', RECEIPTS_MAX_MEMBERS: '3' } as const;

/**
 * Tests the activity of channels.
 * @param urls addresses of two gateways with `activitySettings`, or twice that of one
 */
export function testActivity(urls: () => readonly [string, string]): void {
  test('a follower gets the members online and the present typers, then each change', async () => {
    const [here, there] = urls();
    const [ada, bob] = [await guest(here, 'Ada'), await guest(there, 'Bob')];
    const id = await openRoom(ada, bob);
    const bobs = await present(there, bob, id);
    await bobs.shown(isOnline('Bob'));
    expect(await bob.ask(typing, { id })).toEqual({ typing: true });

    const adas = await present(here, ada, id);
    await lastIs(adas.received, isOnline('Bob'));
    await lastIs(adas.received, types('Bob'));
    await bobs.shown(isOnline('Ada'));
    await ada.ask(typing, { id });
    await bobs.shown(types('Ada'));
    await bob.ask(typing, { id, active: false });
    await lastIs(adas.received, types('Bob', false));

    await bob.ask(typing, { id });
    await lastIs(adas.received, types('Bob'));
    await bob.ask(send, { id });
    await lastIs(adas.received, types('Bob', false));
    expect(adas.received).not.toContainEqual(types('Ada'));

    await bobs.close();
    await lastIs(adas.received, isOnline('Bob', false));
    await adas.close();
  });

  test('two devices of a user are one', async () => {
    const [here, there] = urls();
    const [ada, bob] = [await guest(here, 'Ada'), await guest(there, 'Bob')];
    const id = await openRoom(ada, bob);
    const adas = await present(here, ada, id);
    const devices = [await present(there, bob, id), await present(here, bob, id)] as const;
    await lastIs(adas.received, isOnline('Bob'));
    await devices[1].shown(isOnline('Bob'));
    await devices[0].shown(isOnline('Bob'));

    await bob.ask(typing, { id });
    await lastIs(adas.received, types('Bob'));
    // Another gateway, which does not know that the user types.
    await onOther(here, bob, typing, { id, active: false });
    await lastIs(adas.received, types('Bob', false));
    await bob.ask(typing, { id });
    await lastIs(adas.received, types('Bob'));
    await onOther(here, bob, send, { id });
    await lastIs(adas.received, types('Bob', false));

    await devices[0].close();
    await ada.ask(typing, { id });
    await devices[1].shown(types('Ada'));
    expect(adas.received.filter((one) => one.user?.name === 'Bob' && 'online' in one)).toEqual([isOnline('Bob')]);
    for (const { received } of devices) expect(received).not.toContainEqual(types('Bob'));
    await devices[1].close();
    await lastIs(adas.received, isOnline('Bob', false));
    await adas.close();
  });

  test('members of small rooms are told how far the others have seen', async () => {
    const [here, there] = urls();
    const [ada, bob, kim] = [await guest(here, 'Ada'), await guest(there, 'Bob'), await guest(here, 'Kim')];
    const id = await openRoom(ada, bob);
    const [adas, bobs] = [await present(here, ada, id), await present(there, bob, id)];
    await adas.shown(isOnline('Bob'));
    const { seq } = (await ada.ask(send, { id })).send.message;
    await bob.ask(markSeen, { id, seq });
    const membership = { seenSeq: seq, role: 'MEMBER', unreadCount: null, user: { name: 'Bob' }, firstUnseen: null };
    await adas.shown({ membership });

    for (const other of [kim, await guest(there, 'Large')]) await addMember(ada, other, id);
    await bob.ask(markSeen, { id, seq: seq + 2 });
    await bob.ask(typing, { id });
    await adas.shown(types('Bob'));
    const receipts = ({ received }: typeof adas) => received.filter((one) => 'membership' in one);
    expect([receipts(adas), receipts(bobs)]).toEqual([[{ membership }], []]);
    await Promise.all([adas.close(), bobs.close()]);
  });

  test('signals of users whom the follower has blocked are left out', async () => {
    const [here, there] = urls();
    const [ada, bob, eve] = [await guest(here, 'Ada'), await guest(there, 'Bob'), await guest(there, 'Eve')];
    const id = await openRoom(ada, bob, eve);
    await ada.ask(block, { id: eve.id });
    const [adas, bobs] = [await present(here, ada, id), await present(there, bob, id)];
    const eves = await present(there, eve, id);
    await bobs.shown(isOnline('Eve'));
    await eve.ask(typing, { id });
    await eve.ask(markSeen, { id, seq: 1 });
    await bobs.shown(types('Eve'));
    await vi.waitFor(() => expect(bobs.received.some((one) => one.membership?.user.name === 'Eve')).toBe(true));

    await bob.ask(typing, { id });
    await adas.shown(types('Bob'));
    await eves.close();
    await lastIs(bobs.received, isOnline('Eve', false));
    await bob.ask(typing, { id, active: false });
    await lastIs(adas.received, types('Bob', false));
    expect(JSON.stringify(adas.received)).not.toContain('Eve');
    await Promise.all([adas.close(), bobs.close()]);
  });

  test('a subscription ends when its user is no longer a member, and others see the user go', async () => {
    const [here, there] = urls();
    const [ada, bob] = [await guest(here, 'Ada'), await guest(there, 'Bob')];
    const id = await openRoom(ada, bob);
    const [adas, bobs] = [await present(here, ada, id), await present(there, bob, id)];
    await bobs.shown(isOnline('Ada'));
    await adas.shown(isOnline('Bob'));
    await bob.ask(leave, { id });
    await vi.waitFor(() => expect(bobs.followed.ended).not.toBeNull());
    expect(bobs.followed.ended?.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
    await lastIs(adas.received, isOnline('Bob', false));
    expect(adas.followed.ended).toBeNull();

    // As a member again, the user follows again.
    await addMember(ada, bob, id);
    const again = await present(there, bob, id);
    await again.shown(isOnline('Ada'));
    await lastIs(adas.received, isOnline('Bob'));
    await Promise.all([adas.close(), bobs.close(), again.close()]);
  });
}

/** Tests that a follower sees the users of a gateway go offline after it is killed. */
export async function testKilledGateway(url: string, doomedUrl: string, kill: () => Promise<unknown>): Promise<void> {
  const [ada, bob] = [await guest(url, 'Ada'), await guest(doomedUrl, 'Bob')];
  const id = await openRoom(ada, bob);
  const [adas, bobs] = [await present(url, ada, id), await present(doomedUrl, bob, id)];
  await lastIs(adas.received, isOnline('Bob'));
  await kill();
  await lastIs(adas.received, isOnline('Bob', false));
  expect((await ada.ask('query ($id: ID!) { user(id: $id) { online } }', { id: bob.id })).user.online).toBe(false);
  await adas.close();
  // Its connection cannot be closed properly: the other side is not there.
  await Promise.resolve(bobs.close()).catch(ignore);
}

/** Executes an operation of a person at another gateway. */
async function onOther(url: string, { token }: Person, query: string, variables: object): Promise<void> {
  const { errors } = await ask(url, query, variables, token);
  expect(errors).toEqual([]);
}
