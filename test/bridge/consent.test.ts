import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewEvent } from '../../api/events.ts';
import { type Apply, createApplier } from '../support/applier.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf, opened, room } from '../support/events.ts';

let database: TestDatabase;
/** Applies events in one batch, and returns the outcome of each. */
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

function openedDirect(one: Name, other: Name): NewEvent {
  const members = [one, other].map((name) => ({ user: factsOf(name), role: 'MEMBER' as const }));
  return { ...base(one), type: 'ChannelOpened', kind: 'DIRECT', visibility: 'PRIVATE', name: null, members };
}

let sends = 0;

function sent(author: Name): NewEvent {
  const clientId = `send ${sends++}`;
  const message = { messageId: idOf(`${author} ${clientId}`), clientId, text: 'hello', replyToId: null };
  return { ...base(author), type: 'MessageSent', ...message, attachments: [] };
}

const invitedBy = (actor: Name, user: Name): NewEvent => ({
  ...base(actor),
  type: 'MemberJoined',
  user: factsOf(user),
  revision: 0,
});

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
    await apply(opened(), { ...invitedBy('ada', 'ada') });
    await block(blocker, blocked);

    expect(await apply(invitedBy('ada', 'bob'))).toEqual([refusedAs('CONFLICT')]);
    expect(await apply(invitedBy('owner', 'bob'), sent('ada'), sent('bob'))).toEqual([applied, applied, applied]);
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
