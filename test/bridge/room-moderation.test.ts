import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MemberRole, NewEvent } from '../../api/events.ts';
import { type Apply, createApplier } from '../support/applier.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf, opened, room } from '../support/events.ts';

let database: TestDatabase;
let apply: Apply;

beforeAll(async () => {
  database = await openDatabase();
  return () => database.stop();
});

beforeEach(async () => {
  await database.empty();
  apply = await createApplier(database);
});

type Name = 'owner' | 'ada' | 'bob';

let sends = 0;

function sent(author: Name, clientId = `send ${sends++}`, at?: string): NewEvent {
  const message = { messageId: idOf(`${author} ${clientId}`), clientId, text: 'hello', replyToId: null };
  const event = { ...base(author), type: 'MessageSent' as const, ...message, attachments: [] };
  return at === undefined ? event : { ...event, at };
}

const joined = (user: Name, revision = 0, actor = user): NewEvent => ({
  ...base(actor),
  type: 'MemberJoined',
  user: factsOf(user),
  revision,
});
const closed = (): NewEvent => ({ ...base('owner'), type: 'ChannelClosed' });
const removed = (user: Name, isBan: boolean, actor: Name = 'owner', deleteSince: string | null = null): NewEvent => ({
  ...base(actor),
  type: 'MemberRemoved',
  userId: idOf(user),
  isBan,
  user: isBan ? factsOf(user) : null,
  deleteSince,
});
const unbanned = (user: Name): NewEvent => ({ ...base('owner'), type: 'MemberUnbanned', userId: idOf(user) });
const purged = (user: Name): NewEvent => ({ ...base('owner'), type: 'MessagesPurged', userId: idOf(user) });
const muted = (user: Name, until: string | null): NewEvent => ({
  ...base('owner'),
  type: 'MemberMuted',
  userId: idOf(user),
  until,
});
const roleSet = (user: Name, role: MemberRole, actor: Name = 'owner'): NewEvent => ({
  ...base(actor),
  type: 'MemberRoleSet',
  userId: idOf(user),
  role,
});
const slowed = (seconds: number): NewEvent => ({
  ...base('owner'),
  type: 'ChannelUpdated',
  name: null,
  visibility: null,
  settings: { slowModeSeconds: seconds },
});

const applied = expect.objectContaining({ applied: true });
const refusedAs = (code: string) => ({ applied: false, rejection: expect.objectContaining({ code }) });

async function kinds(): Promise<string[]> {
  const rows = await database.query<{ kind: string }>('SELECT kind FROM entry ORDER BY seq');
  return rows.map(({ kind }) => kind);
}

async function memberOf(name: Name) {
  const [row] = await database.query<{ role: string; state: string }>(
    'SELECT role, state FROM member WHERE channel_id = $1 AND user_id = $2',
    [room, idOf(name)],
  );
  return row;
}

describe('a race has the outcome of the order in the log', () => {
  const before = [opened, () => joined('ada')];

  test.each([
    ['a kick', () => removed('ada', false), 'FORBIDDEN'],
    ['a ban', () => removed('ada', true), 'FORBIDDEN'],
    ['a mute', () => muted('ada', '2100-01-01T00:00:00.000Z'), 'FORBIDDEN'],
    ['closing', closed, 'CONFLICT'],
  ] as const)('between %s and a message', async (_, act, code) => {
    await apply(...before.map((make) => make()));
    expect(await apply(sent('ada'), act(), sent('ada'))).toEqual([applied, applied, refusedAs(code)]);
    expect((await kinds()).filter((kind) => kind === 'TEXT')).toHaveLength(1);
  });

  test('between a ban and joining, and between a ban and an invitation', async () => {
    await apply(...before.map((make) => make()));
    await apply(removed('ada', false));
    expect(await apply(joined('ada', 2), removed('ada', true), joined('ada', 3))).toEqual([
      applied,
      applied,
      refusedAs('FORBIDDEN'),
    ]);
    expect(await apply(joined('ada', 4, 'owner'), unbanned('ada'), joined('ada', 4, 'owner'))).toEqual([
      refusedAs('CONFLICT'),
      applied,
      applied,
    ]);
    expect(await kinds()).toEqual(['JOINED', 'JOINED', 'REMOVED', 'JOINED', 'REMOVED', 'JOINED']);
  });
});

test('a user who was never a member can be banned, and joins after the ban has ended', async () => {
  await apply(opened());
  expect(await apply(removed('ada', true), joined('ada'), unbanned('ada'), joined('ada'))).toEqual([
    applied,
    refusedAs('FORBIDDEN'),
    applied,
    applied,
  ]);
  expect(await kinds()).toEqual(['JOINED', 'JOINED']);
});

test('a repeated kick or ban changes nothing', async () => {
  await apply(opened(), joined('ada'));
  const outcomes = await apply(
    removed('ada', false),
    removed('ada', false),
    removed('ada', true),
    removed('ada', true),
  );
  expect(outcomes).toEqual([applied, applied, applied, applied]);
  expect(await kinds()).toEqual(['JOINED', 'JOINED', 'REMOVED']);
});

test('one acts on members of lower roles only, and an owner hands the room over', async () => {
  await apply(opened(), joined('ada'), joined('bob'));
  expect(
    await apply(
      removed('bob', false, 'ada'),
      roleSet('ada', 'MODERATOR'),
      roleSet('bob', 'MODERATOR'),
      removed('bob', false, 'ada'),
      removed('owner', true, 'ada'),
      roleSet('bob', 'MEMBER', 'ada'),
      roleSet('ada', 'OWNER'),
      roleSet('bob', 'MEMBER'),
      removed('owner', false, 'bob'),
      removed('bob', false, 'ada'),
    ),
  ).toEqual([
    refusedAs('FORBIDDEN'),
    applied,
    applied,
    refusedAs('FORBIDDEN'),
    refusedAs('FORBIDDEN'),
    refusedAs('FORBIDDEN'),
    applied,
    refusedAs('FORBIDDEN'),
    refusedAs('FORBIDDEN'),
    applied,
  ]);
  expect(await memberOf('owner')).toEqual({ role: 'MODERATOR', state: 'ACTIVE' });
  expect(await memberOf('ada')).toEqual({ role: 'OWNER', state: 'ACTIVE' });
  expect(await memberOf('bob')).toEqual({ role: 'MEMBER', state: 'REMOVED' });
});

test('a mute outlasts leaving and joining again, and ends by its time', async () => {
  await apply(opened(), joined('ada'), muted('ada', '2100-01-01T00:00:00.000Z'), removed('ada', false));
  await apply(joined('ada', 3));
  expect(await apply(sent('ada'), sent('ada', 'late', '2100-01-01T00:00:00.000Z'))).toEqual([
    refusedAs('FORBIDDEN'),
    applied,
  ]);
});

describe('a ban with messages to delete', () => {
  test('deletes those of the user since a time, in steps, each with a position of its own', async () => {
    await apply(opened(), joined('ada'));
    const texts = Array.from({ length: 60 }, (_, n) => sent('ada', `spam ${n}`, '2026-02-01T00:00:00.000Z'));
    await apply(sent('ada', 'old', '2026-01-30T00:00:00.000Z'), ...texts, sent('owner'));
    await apply(removed('ada', true, 'owner', '2026-01-31T00:00:00.000Z'));

    await apply(purged('ada'));
    expect(await deletedOf('ada')).toBe(50);
    await apply(purged('ada'), purged('ada'));
    expect(await deletedOf('ada')).toBe(60);
    expect(await database.query('SELECT FROM purge')).toEqual([]);
    const [ends] = await database.query<{ positions: number; position: number }>(
      'SELECT count(DISTINCT e.position)::int AS positions, max(c.position) AS position FROM entry e JOIN channel c ON c.id = e.channel_id',
    );
    // Two joins, 62 messages and the removal, then 60 deletions.
    expect(ends).toEqual({ positions: 65, position: 125 });
  });

  async function deletedOf(name: Name): Promise<number | undefined> {
    const [row] = await database.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM entry WHERE author_id = $1 AND deleted_at IS NOT NULL',
      [idOf(name)],
    );
    return row?.n;
  }
});

describe('slow mode', () => {
  const second = (n: number) => new Date(Date.UTC(2026, 5, 1) + n * 1_000).toISOString();

  test('bounds the messages of members by the times of the events, in one batch or several', async () => {
    await apply(opened(), joined('ada'), joined('bob'), slowed(10));
    expect(
      await apply(
        sent('ada', 'first', second(0)),
        sent('bob', 'other', second(1)),
        sent('ada', 'too soon', second(4)),
        sent('owner', 'exempt', second(5)),
        sent('owner', 'exempt too', second(5)),
        sent('ada', 'in time', second(10)),
      ),
    ).toEqual([
      applied,
      applied,
      { applied: false, rejection: expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 6_000 }) },
      applied,
      applied,
      applied,
    ]);
    expect(await apply(sent('ada', 'again', second(19)))).toEqual([refusedAs('RATE_LIMITED')]);
    expect(await apply(sent('ada', 'again', second(20)))).toEqual([applied]);
    const rows = await database.query<{ id: string }>(
      `SELECT client_id AS id FROM entry WHERE kind = 'TEXT' ORDER BY seq`,
    );
    expect(rows.map(({ id }) => id)).toEqual(['first', 'other', 'exempt', 'exempt too', 'in time', 'again']);
  });

  test('lets a retry pass, and ends with the setting', async () => {
    await apply(opened(), joined('ada'), slowed(10));
    const [first] = await apply(sent('ada', 'first', second(0)));
    expect(await apply(sent('ada', 'first', second(1)))).toEqual([first]);
    expect(await apply(sent('ada', 'next', second(2)), slowed(0), sent('ada', 'free', second(3)))).toEqual([
      refusedAs('RATE_LIMITED'),
      applied,
      applied,
    ]);
  });
});

test('each act on another user is in the audit trail once, and refused ones and those without effect are not', async () => {
  const message = sent('ada', 'to be deleted');
  const until = '2100-01-01T00:00:00.000Z';
  const byOwner = {
    ...base('owner'),
    type: 'MessageDeleted',
    messageId: idOf('ada to be deleted'),
    asModerator: false,
  } as const;
  const own = sent('bob', 'own');
  const ownDeleted = {
    ...base('bob'),
    type: 'MessageDeleted',
    messageId: idOf('bob own'),
    asModerator: false,
  } as const;
  const events = [
    ...[opened(), joined('ada'), joined('bob'), message, own, byOwner, ownDeleted],
    ...[roleSet('ada', 'MODERATOR'), roleSet('ada', 'MODERATOR'), muted('ada', until), muted('ada', null)],
    ...[removed('ada', false, 'bob'), removed('ada', false), removed('ada', true), unbanned('ada'), unbanned('ada')],
  ];
  await apply(...events);
  await apply(...events);
  const rows = await database.query(
    'SELECT act, actor_id, user_id, channel_id, message_id, until FROM audit ORDER BY at, act',
  );
  const act = (name: string, more = {}) => ({
    act: name,
    actor_id: idOf('owner'),
    user_id: idOf('ada'),
    channel_id: room,
    message_id: null,
    until: null,
    ...more,
  });
  const expected = [
    act('MESSAGE_DELETED', { message_id: idOf('ada to be deleted') }),
    act('ROLE_MODERATOR'),
    act('MEMBER_MUTED', { until: new Date(until) }),
    act('MEMBER_UNMUTED'),
    act('MEMBER_KICKED'),
    act('MEMBER_BANNED'),
    act('MEMBER_UNBANNED'),
  ];
  expect(rows).toHaveLength(expected.length);
  expect(rows).toEqual(expect.arrayContaining(expected));
});
