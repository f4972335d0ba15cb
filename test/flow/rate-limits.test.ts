import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { rates } from '../../api/domain/rate-limits.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { encodeId } from '../../schema/ids.ts';
import { schema } from '../../schema/index.ts';
import { startApp } from '../support/app.ts';
import { ask, guest, type Person, registered } from '../support/client.ts';
import { fetchProbe } from '../support/probes.ts';

let url: string;
/** Prefixes of the limits that are used up. */
const usedUp = new Set<string>();
/** Whether all limits are used up, except those of costs. */
let isAllUsedUp = false;

beforeAll(async () => {
  const { limits, ...state } = createMemoryState();
  const take: typeof limits.take = async (key, ...rest) => {
    const [name = ''] = key.split(':');
    return usedUp.has(name) || (isAllUsedUp && !name.startsWith('cost')) ? 7_000 : limits.take(key, ...rest);
  };
  const app = await startApp({ RATE_LIMITS: 'on' }, { ports: { state: { ...state, limits: { take } } } });
  ({ url } = app);
  return app.stop;
});
beforeEach(() => {
  usedUp.clear();
  isAllUsedUp = false;
});

const createRoom = `mutation ($name: String! = "Hall", $clientId: String) {
  createRoom(input: { name: $name, clientId: $clientId }) { id }
}`;
const invite = 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }';
const joinRoom = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const openDirect = 'mutation ($userId: ID!) { openDirect(userId: $userId) { id } }';
const send = `mutation ($id: ID!, $clientId: String!) {
  send(input: { channelId: $id, text: "Hello", clientId: $clientId }) { message { id } }
}`;
const block = 'mutation ($userId: ID!) { block(userId: $userId) { id } }';

const openRoom = async (owner: Person): Promise<string> => (await owner.ask(createRoom)).createRoom.id;

/** Expects that an operation is refused because of its rate, with the time to wait. */
async function expectLimited({ token }: Person, query: string, variables: object = {}): Promise<void> {
  const { errors } = await ask(url, query, variables, token);
  expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
}

it('fifty rooms a day can be created, and a retry with a known clientId is not counted', async () => {
  const ada = await guest(url);
  const first = (await ada.ask(createRoom, { clientId: 'first' })).createRoom;
  for (let n = 1; n < 50; n++) await openRoom(ada);
  await expectLimited(ada, createRoom);
  const metrics = await (await fetchProbe(url, 'metrics')).text();
  expect(metrics).toContain('parley_refusals_total{limit="rooms-day"} 1');
  expect((await ada.ask(createRoom, { clientId: 'first' })).createRoom).toEqual(first);
});

it('an inviter is limited, with invitations and new direct channels together', async () => {
  const [ada, bob, eve] = [await guest(url), await guest(url), await guest(url)];
  const id = await openRoom(ada);
  const direct = await ada.ask(openDirect, { userId: eve.id });
  for (let n = 1; n < 30; n++) await ada.ask(invite, { id, userId: bob.id });
  await expectLimited(ada, invite, { id, userId: bob.id });
  await expectLimited(ada, openDirect, { userId: bob.id });
  expect(await ada.ask(openDirect, { userId: eve.id })).toEqual(direct);
});

it('one inviter takes at most a part of the invitations of an invitee; attempts without effect are not counted', async () => {
  const [ada, kim, eve] = [await guest(url), await guest(url), await guest(url)];
  const foreign = await openRoom(kim);
  for (let n = 0; n < rates.invitesOfPair.points; n++) await inviteToNewRoom(ada, eve);
  expect(await ada.codeOf(invite, { id: foreign, userId: eve.id })).toBe('FORBIDDEN');
  await expectLimited(ada, openDirect, { userId: eve.id });
  await inviteToNewRoom(ada, kim);
  await kim.ask(invite, { id: foreign, userId: eve.id });
});

it('guests cannot use up the invitations by others', async () => {
  const eve = await registered(url);
  await inviteTwice(rates.invitesOfInviteeByGuests.points, () => guest(url), eve);
  await expectLimited(await guest(url), openDirect, { userId: eve.id });
  await inviteTwice(rates.invitesOfInvitee.points, () => registered(url), eve);
  await expectLimited(await registered(url), openDirect, { userId: eve.id });
});

/** Invites a user this many times, by as many inviters as are needed for two invitations each. */
async function inviteTwice(times: number, newInviter: () => Promise<Person>, invitee: Person): Promise<void> {
  for (let n = 0; n < times; n += 2) {
    const inviter = await newInviter();
    await inviteToNewRoom(inviter, invitee);
    await inviter.ask(openDirect, { userId: invitee.id });
  }
}

async function inviteToNewRoom(inviter: Person, invitee: Person): Promise<void> {
  await inviter.ask(invite, { id: await openRoom(inviter), userId: invitee.id });
}

it('joins and blocks are limited', async () => {
  const [ada, bob] = [await guest(url), await guest(url)];
  const id = await openRoom(bob);
  for (let n = 0; n < 30; n++) await ada.ask(joinRoom, { id });
  await expectLimited(ada, joinRoom, { id });
  for (let n = 0; n < 60; n++) await ada.ask(block, { userId: bob.id });
  await expectLimited(ada, block, { userId: bob.id });
});

it.each(['createRoom', 'joinRoom', 'invite', 'updateRoom', 'closeRoom', 'leaveChannel'])(
  'changes of rooms are limited together: %s',
  async (field) => {
    const [ada, bob] = [await guest(url), await guest(url)];
    const id = await openRoom(ada);
    usedUp.add('changes');
    const mutations: Record<string, string> = {
      createRoom,
      joinRoom,
      invite,
      updateRoom: 'mutation ($id: ID!) { updateRoom(channelId: $id, name: "Den") { id } }',
      closeRoom: 'mutation ($id: ID!) { closeRoom(channelId: $id) { id } }',
      leaveChannel: 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }',
    };
    const { errors } = await ask(url, mutations[field] ?? '', { id, userId: bob.id }, ada.token);
    expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 7_000 });
  },
);

it('a refused send that repeats a message returns it, as long as retries are not too many either', async () => {
  const ada = await guest(url);
  const id = await openRoom(ada);
  const known = (await ada.ask(send, { id, clientId: 'known' })).send;
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    usedUp.add('sends');
    let n = 0;
    while ((await ada.codeOf(send, { id, clientId: `${n}` })) === null) n += 1;
    expect(n).toBeLessThan(21);
    await expectLimited(ada, send, { id, clientId: 'new' });
    expect((await ada.ask(send, { id, clientId: 'known' })).send).toEqual(known);
    usedUp.add('repeated');
    for (let m = 0; m < 10; m++) await ada.codeOf(send, { id, clientId: 'another' });
    await expectLimited(ada, send, { id, clientId: 'known' });
  } finally {
    vi.useRealTimers();
  }
});

it('guests of one address are limited in a day', async () => {
  await guest(url);
  usedUp.add('guests-day');
  const { errors } = await ask(url, 'mutation { guest(input: { name: "Eve" }) { token } }');
  expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 7_000 });
});

it('every mutation has a rate, except signing out', async () => {
  const [ada, bob, eve] = [await guest(url), await guest(url), await guest(url)];
  const id = await openRoom(ada);
  await bob.ask(joinRoom, { id });
  const message = (await ada.ask(send, { id, clientId: 'first' })).send.message.id;
  const calls: Record<string, string> = {
    addReaction: `(messageId: "${message}", emoji: "👍") { id }`,
    ban: `(channelId: "${id}", userId: "${eve.id}") { id }`,
    block: `(userId: "${eve.id}") { id }`,
    changePassword: '(current: "battery horse", next: "staple correct") { token }',
    closeRoom: `(channelId: "${id}") { id }`,
    createRoom: '(input: { name: "Den" }) { id }',
    createStreamTicket: ' { ticket }',
    deleteAccount: '(password: "any")',
    deleteMessage: `(messageId: "${message}") { id }`,
    editMessage: `(messageId: "${message}", text: "Bye") { id }`,
    finishUpload: `(id: "${encodeId('Attachment', randomUUID())}") { id }`,
    guest: '(input: { name: "Eve" }) { token }',
    invite: `(channelId: "${id}", userId: "${eve.id}") { id }`,
    joinRoom: `(channelId: "${id}") { id }`,
    kick: `(channelId: "${id}", userId: "${eve.id}") { id }`,
    leaveChannel: `(channelId: "${id}") { id }`,
    login: '(input: { email: "ada@example.org", password: "battery horse" }) { token }',
    markSeen: `(channelId: "${id}", seq: 1) { seenSeq }`,
    markUnread: `(channelId: "${id}", seq: 1) { seenSeq }`,
    match: '{ id }',
    mute: `(channelId: "${id}", userId: "${eve.id}") { id }`,
    openDirect: `(userId: "${eve.id}") { id }`,
    refresh: '(refreshToken: "none") { token }',
    register: '(input: { email: "ada@example.org", password: "battery horse staple", name: "Ada" }) { token }',
    pinMessage: `(messageId: "${message}") { id }`,
    reinstateUser: `(userId: "${eve.id}") { id }`,
    removeReaction: `(messageId: "${message}", emoji: "👍") { id }`,
    report: `(input: { userId: "${eve.id}", reason: "spam" }) { id }`,
    requestPasswordReset: '(email: "ada@example.org")',
    resetPassword: '(token: "none", password: "battery horse staple") { token }',
    resolveReport: `(id: "${encodeId('Report', randomUUID())}", action: DISMISS) { id }`,
    revokeSession: `(id: "${encodeId('DeviceSession', randomUUID())}") { id }`,
    send: `(input: { channelId: "${id}", text: "Hello" }) { message { id } }`,
    setRole: `(channelId: "${id}", userId: "${eve.id}", role: MEMBER) { id }`,
    startUpload: '(input: { filename: "a.png", byteSize: 10 }) { id }',
    suspendUser: `(userId: "${eve.id}", reason: "spam") { id }`,
    typing: `(channelId: "${id}")`,
    unban: `(channelId: "${id}", userId: "${eve.id}") { id }`,
    unblock: `(userId: "${eve.id}") { id }`,
    unmatch: '{ id }',
    unpinMessage: `(messageId: "${message}") { id }`,
    updateMembership: `(channelId: "${id}", input: { pinned: true }) { id }`,
    updateProfile: '(input: { name: "Eve" }) { id }',
    updateRoom: `(channelId: "${id}", name: "Den") { id }`,
  };
  const names = Object.keys(schema.getMutationType()?.getFields() ?? {});
  // Files are tested in `uploads.test.ts`: they need a multipart request.
  expect(Object.keys(calls).sort()).toEqual(names.filter((name) => name !== 'logout' && name !== 'upload').sort());

  isAllUsedUp = true;
  for (const [name, call] of Object.entries(calls)) {
    const attempt = () => bob.codeOf(`mutation { ${name}${call} }`);
    // Frequent actions have a share in advance.
    let code = await attempt();
    for (let n = 0; n < 30 && code !== 'RATE_LIMITED'; n++) code = await attempt();
    expect(code, name).toBe('RATE_LIMITED');
  }
});
