import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { channelTopic, type NewEvent } from '../../api/events.ts';
import { type Apply, createApplier } from '../support/applier.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf, opened, room } from '../support/events.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

let database: TestDatabase;
/** Applies events in one batch, and returns the outcome of each. */
let apply: Apply;

/** Positions of the entries that were published, in their order, and the position of the newest head. */
let told: number[];
let headPosition: number;

beforeAll(async () => {
  database = await openDatabase();
  return () => database.stop();
});

beforeEach(async () => {
  await database.empty();
  const pubsub = createLossyPubSub(() => 'deliver');
  told = [];
  await pubsub.subscribe(channelTopic(room), ({ head, entries }) => {
    told.push(...entries.map(({ position }) => position));
    headPosition = head.position;
  });
  apply = await createApplier(database, pubsub);
});

type Name = 'owner' | 'ada' | 'bob';

function openedDirect(one: Name, other: Name): NewEvent {
  const members = [one, other].map((name) => ({ user: factsOf(name), role: 'MEMBER' as const }));
  const direct = { kind: 'DIRECT', visibility: 'PRIVATE', name: null, members } as const;
  return { ...base(one), type: 'ChannelOpened', ...direct };
}

/** The direct channel of two users, as one of them opens it now. */
function asked(one: Name, other: Name): NewEvent {
  const direct = openedDirect(one, other);
  return direct.type === 'ChannelOpened' ? { ...direct, invitedIds: [idOf(other)] } : direct;
}

let sends = 0;

function sent(author: Name): NewEvent {
  const clientId = `send ${sends++}`;
  const message = { messageId: idOf(`${author} ${clientId}`), clientId, text: 'hello', replyToId: null };
  return { ...base(author), type: 'MessageSent', ...message, attachments: [] };
}

const invited = (actor: Name, user: Name, revision = 0): NewEvent => ({
  ...base(actor),
  type: 'MemberInvited',
  user: factsOf(user),
  revision,
});

const joined = (user: Name, revision = 0): NewEvent => ({
  ...base(user),
  type: 'MemberJoined',
  user: factsOf(user),
  revision,
});

const left = (user: Name, revision: number): NewEvent => ({
  ...base(user),
  type: 'MemberLeft',
  userId: idOf(user),
  revision,
  gone: false,
});

/** Returns the state of a user in the channel, with the number of members. */
async function stateOf(user: Name) {
  const sql = `
    SELECT m.state, m.revision, c.member_count AS members FROM channel c
    LEFT JOIN member m ON m.channel_id = c.id AND m.user_id = $1`;
  return (await database.query(sql, [idOf(user)]))[0];
}

/** Returns the kinds of the entries of the channel, in order. */
async function kinds(): Promise<string[]> {
  return (await database.query<{ kind: string }>('SELECT kind FROM entry ORDER BY seq')).map(({ kind }) => kind);
}

async function addUsers(...names: Name[]): Promise<void> {
  for (const name of names)
    await database.query('INSERT INTO users (id, name, created_at) VALUES ($1, $2, now()) ON CONFLICT DO NOTHING', [
      idOf(name),
      name,
    ]);
}

async function block(blocker: Name, blocked: Name): Promise<void> {
  await addUsers(blocker, blocked);
  const row = [idOf(blocker), idOf(blocked)];
  await database.query('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())', row);
}

const applied = expect.objectContaining({ applied: true });
const refusedAs = (code: string) => ({ applied: false, rejection: expect.objectContaining({ code }) });

describe.each([
  ['the other', 'ada', 'bob'],
  ['by the other', 'bob', 'ada'],
] as const)('a user who has blocked %s', (_, blocker, blocked) => {
  test('cannot write in the direct channel of the two, and can again once there is no block', async () => {
    await apply(openedDirect('ada', 'bob'));
    expect(await apply(sent('ada'), sent('bob'))).toEqual([applied, applied]);

    await block(blocker, blocked);
    expect(await apply(sent('ada'), sent('bob'))).toEqual([refusedAs('CONFLICT'), refusedAs('CONFLICT')]);

    await database.query('DELETE FROM block');
    expect(await apply(sent('ada'), sent('bob'))).toEqual([applied, applied]);
  });

  test('cannot open a direct channel with the other', async () => {
    await block(blocker, blocked);

    expect(await apply(openedDirect('ada', 'bob'))).toEqual([refusedAs('CONFLICT')]);
    expect(await database.query('SELECT id FROM channel')).toEqual([]);
  });

  test('can write in a room of both, but cannot invite the other', async () => {
    await apply(opened(), joined('ada'));
    await block(blocker, blocked);

    expect(await apply(invited('ada', 'bob'))).toEqual([refusedAs('CONFLICT')]);
    expect(await apply(invited('owner', 'bob'), joined('bob', 1))).toEqual([applied, applied]);
    expect(await apply(sent('ada'), sent('bob'))).toEqual([applied, applied]);
  });

  test('cannot accept a direct conversation with the other', async () => {
    await apply(asked('ada', 'bob'));
    await block(blocker, blocked);

    expect(await apply(sent('bob'), joined('bob', 1))).toEqual([refusedAs('CONFLICT'), refusedAs('CONFLICT')]);
    expect(await stateOf('bob')).toEqual({ state: 'INVITED', revision: 1, members: 1 });
  });
});

test('a retry of a message that was sent before the block returns the message', async () => {
  await apply(openedDirect('ada', 'bob'));
  const message = sent('ada');
  const [first] = await apply(message);
  await block('bob', 'ada');

  expect(await apply({ ...message, eventId: idOf('retry') })).toEqual([first]);
});

test('a channel where neither has blocked the other is not concerned by their blocks of others', async () => {
  await block('owner', 'ada');

  expect(await apply(openedDirect('ada', 'bob'), sent('ada'), sent('bob'))).toEqual([applied, applied, applied]);
  expect((await database.query('SELECT id FROM entry WHERE channel_id = $1', [room])).length).toBe(2);
});

describe('a user who is invited to a room', () => {
  beforeEach(async () => {
    await apply(opened());
    await apply(invited('owner', 'ada'));
  });

  test('is no member until the user joins, and cannot send', async () => {
    expect(await stateOf('ada')).toEqual({ state: 'INVITED', revision: 1, members: 1 });
    expect(await apply(sent('ada'))).toEqual([refusedAs('FORBIDDEN')]);
    expect(await kinds()).toEqual(['JOINED']);

    expect(await apply(joined('ada', 1), sent('ada'))).toEqual([applied, applied]);
    expect(await stateOf('ada')).toEqual({ state: 'ACTIVE', revision: 2, members: 2 });
    expect(await kinds()).toEqual(['JOINED', 'JOINED', 'TEXT']);
  });

  test('is not invited twice', async () => {
    expect(await apply(invited('owner', 'ada', 1))).toEqual([{ applied: true, entry: null }]);
    expect(await stateOf('ada')).toMatchObject({ state: 'INVITED', revision: 1 });
  });

  test('who declines leaves no trace in the history, is not asked again, and may join later', async () => {
    expect(await apply(left('ada', 1), left('ada', 1))).toEqual([applied, applied]);
    expect(await stateOf('ada')).toEqual({ state: 'DECLINED', revision: 2, members: 1 });
    expect(await kinds()).toEqual(['JOINED']);

    expect(await apply(invited('owner', 'ada', 2))).toEqual([refusedAs('CONFLICT')]);
    expect(await apply(joined('ada', 2))).toEqual([applied]);
    expect(await stateOf('ada')).toMatchObject({ state: 'ACTIVE', members: 2 });
  });

  test('who has been a member and left can be invited again', async () => {
    await apply(joined('ada', 1), left('ada', 2));
    expect(await apply(invited('owner', 'ada', 3))).toEqual([applied]);
    expect(await stateOf('ada')).toEqual({ state: 'INVITED', revision: 4, members: 1 });
  });

  test('cannot join once the room is closed, and can decline', async () => {
    await apply({ ...base('owner'), type: 'ChannelClosed' });
    expect(await apply(joined('ada', 1), left('ada', 1))).toEqual([refusedAs('CONFLICT'), applied]);
  });

  test('does not keep the room open or become its owner when the last member leaves', async () => {
    await apply(left('owner', 1));
    expect(await stateOf('ada')).toEqual({ state: 'INVITED', revision: 1, members: 0 });
    expect((await database.query('SELECT closed_at FROM channel WHERE closed_at IS NULL')).length).toBe(0);
  });

  test.each([
    ['accepting', () => [joined('ada', 1), left('ada', 1)], 'ACTIVE'],
    ['declining', () => [left('ada', 1), joined('ada', 1)], 'DECLINED'],
  ] as const)('%s on one device wins over the other, if it comes first', async (_, events, state) => {
    const [first, second] = await apply(...events());
    expect(first).toEqual(applied);
    expect(second).toEqual(refusedAs('CONFLICT'));
    expect(await stateOf('ada')).toMatchObject({ state });
  });
});

const removed = (user: Name, isBan: boolean): NewEvent => ({
  ...base('owner'),
  type: 'MemberRemoved',
  userId: idOf(user),
  isBan,
  user: factsOf(user),
  deleteSince: null,
});

describe('an invitation and a ban of the same user', () => {
  beforeEach(() => apply(opened()));

  test('withdraw the invitation if the ban comes second, without an entry', async () => {
    expect(await apply(invited('owner', 'ada'), removed('ada', true))).toEqual([applied, applied]);
    expect(await stateOf('ada')).toEqual({ state: 'REMOVED', revision: 2, members: 1 });
    expect(await kinds()).toEqual(['JOINED']);
    expect(await apply(joined('ada', 2), invited('owner', 'ada', 2))).toEqual([
      refusedAs('FORBIDDEN'),
      refusedAs('CONFLICT'),
    ]);
  });

  test('refuse the invitation if the ban comes first', async () => {
    expect(await apply(removed('ada', true), invited('owner', 'ada'))).toEqual([applied, refusedAs('CONFLICT')]);
    expect(await stateOf('ada')).toMatchObject({ state: 'REMOVED', members: 1 });
  });
});

test('a kick withdraws an invitation, after which the user can be invited again', async () => {
  await apply(opened(), invited('owner', 'ada'));
  expect(await apply(removed('ada', false), invited('owner', 'ada', 2))).toEqual([applied, applied]);
  expect(await stateOf('ada')).toEqual({ state: 'INVITED', revision: 3, members: 1 });
  expect(await kinds()).toEqual(['JOINED']);
});

const erased = (user: Name): NewEvent => ({ ...base(user), type: 'UserErased', userId: idOf(user), messageIds: [] });

test('an erasure ends an invitation without an entry, and the user is invited no more', async () => {
  await apply(opened(), invited('owner', 'ada'));
  expect(await apply(erased('ada'), invited('owner', 'ada', 2))).toEqual([applied, refusedAs('NOT_FOUND')]);
  expect(await stateOf('ada')).toEqual({ state: 'LEFT', revision: 2, members: 1 });
  expect(await kinds()).toEqual(['JOINED']);
});

test('an erasure of the user who was asked closes a direct channel', async () => {
  await apply(asked('ada', 'bob'), erased('bob'));
  expect(await stateOf('bob')).toEqual({ state: 'LEFT', revision: 2, members: 1 });
  expect(await apply(sent('ada'))).toEqual([refusedAs('CONFLICT')]);
});

test.each([
  ['an outsider', 'bob', 'FORBIDDEN'],
  ['an invited user', 'ada', 'FORBIDDEN'],
] as const)('%s cannot invite', async (_, actor, code) => {
  await apply(opened(), invited('owner', 'ada'));
  expect(await apply(invited(actor, 'bob'))).toEqual([refusedAs(code)]);
});

describe('a user who is asked for a direct conversation', () => {
  beforeEach(async () => {
    await apply(asked('ada', 'bob'));
    await apply(sent('ada'));
  });

  test('accepts by a reply, of which several come in order', async () => {
    expect(await stateOf('bob')).toEqual({ state: 'INVITED', revision: 1, members: 1 });

    const replies = [sent('bob'), sent('ada'), sent('bob')];
    expect(await apply(...replies)).toEqual([applied, applied, applied]);
    expect(await stateOf('bob')).toEqual({ state: 'ACTIVE', revision: 2, members: 2 });
    expect(told).toEqual([1, 2, 3, 4]);
    expect(headPosition).toBe(4);
    const sql = 'SELECT id FROM entry WHERE author_id = $1 ORDER BY seq';
    const ofBob = [replies[0], replies[2]].map((event) => ({ id: event?.type === 'MessageSent' && event.messageId }));
    expect(await database.query(sql, [idOf('bob')])).toEqual(ofBob);
  });

  test('accepts by opening the channel as well, without an entry', async () => {
    expect(await apply(joined('bob', 1), joined('bob', 1))).toEqual([applied, applied]);
    expect(await stateOf('bob')).toEqual({ state: 'ACTIVE', revision: 2, members: 2 });
    expect(await kinds()).toEqual(['TEXT']);
  });

  test('stays a member who has accepted, also by the event of a user who leaves', async () => {
    expect(await apply(joined('bob', 1), left('bob', 2))).toEqual([applied, { applied: true, entry: null }]);
    expect(await stateOf('bob')).toEqual({ state: 'ACTIVE', revision: 2, members: 2 });
  });

  test('who declines cannot write there until the user opens the channel', async () => {
    expect(await apply(left('bob', 1), sent('bob'), sent('ada'))).toEqual([applied, refusedAs('NOT_FOUND'), applied]);
    expect(await apply(asked('ada', 'bob'))).toEqual([{ applied: true, entry: null }]);
    expect(await stateOf('bob')).toEqual({ state: 'DECLINED', revision: 2, members: 1 });

    expect(await apply(joined('bob', 2), sent('bob'))).toEqual([applied, applied]);
    expect(await stateOf('bob')).toEqual({ state: 'ACTIVE', revision: 3, members: 2 });
  });

  test('and replies can no longer decline', async () => {
    expect(await apply(sent('bob'), left('bob', 1))).toEqual([applied, refusedAs('CONFLICT')]);
    expect(await stateOf('bob')).toMatchObject({ state: 'ACTIVE' });
  });

  test('does not accept by a reply to a message that is not there', async () => {
    const reply = { ...sent('bob'), replyToId: idOf('nothing') } as NewEvent;
    expect(await apply(reply)).toEqual([refusedAs('BAD_USER_INPUT')]);
    expect(await stateOf('bob')).toMatchObject({ state: 'INVITED', members: 1 });
  });
});

test('records of a release without invitations make members at once', async () => {
  await apply(opened());
  expect(await apply({ ...joined('ada'), actorId: idOf('owner') })).toEqual([applied]);
  expect(await stateOf('ada')).toEqual({ state: 'ACTIVE', revision: 1, members: 2 });
});
