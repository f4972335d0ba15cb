import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyEvents } from '../../api/bridge/apply.ts';
import { maxPins, maxVersions } from '../../api/domain/policies.ts';
import { channelEvent, type EventOf, type NewEvent, type Outcome } from '../../api/events.ts';
import type { Query } from '../../api/infra/database/database.ts';
import { everyMember } from '../../api/infra/database/mentions.ts';
import { systemUser } from '../../api/system-user.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf, opened, room } from '../support/events.ts';

let database: TestDatabase;
let offset = 0;

/** Applies events in one batch. Returns the published entries, the outcomes in the order of the events, and the number of statements. */
async function apply(...events: NewEvent[]) {
  const logged = events.map((event) => ({ ...channelEvent.parse(event), partition: 0, offset: offset++ }));
  let statements = 0;
  const { entries, outcomes } = await database.transaction((query) => {
    const counted: Query = (statement, parameters) => {
      statements++;
      return query(statement, parameters);
    };
    return applyEvents(counted, logged, new Map());
  });
  const outcomeOf = new Map(outcomes.map(({ event, outcome }) => [event.eventId, summaryOf(outcome)]));
  return {
    entries: entries.get(room) ?? [],
    outcomes: events.map(({ eventId }) => outcomeOf.get(eventId)),
    statements,
  };
}

function summaryOf(outcome: Outcome): string {
  return outcome.applied ? 'applied' : outcome.rejection.code;
}

type Parts = Partial<Omit<EventOf<'MessageSent'>, 'type'>>;
const sent = (clientId: string, parts: Parts = {}): NewEvent => ({
  ...{ ...base('owner'), type: 'MessageSent', messageId: idOf(clientId), clientId, text: clientId, replyToId: null },
  ...parts,
});
const edited = (clientId: string, change: Partial<Omit<EventOf<'MessageEdited'>, 'type'>>): NewEvent => ({
  ...{ ...base('owner'), type: 'MessageEdited', messageId: idOf(clientId), text: null, revision: 0 },
  ...change,
});
const deleted = (clientId: string): NewEvent => ({
  ...base('owner'),
  type: 'MessageDeleted',
  messageId: idOf(clientId),
});
const joined = (who: 'ada' | 'bob', revision = 0): NewEvent => ({
  ...base(who),
  type: 'MemberJoined',
  user: factsOf(who),
  revision,
});
const left = (who: 'ada' | 'bob', revision: number): NewEvent => ({
  ...base(who),
  type: 'MemberLeft',
  userId: idOf(who),
  revision,
  gone: false,
});

async function block(blocker: string, blocked: string): Promise<void> {
  await database.query('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())', [
    idOf(blocker),
    idOf(blocked),
  ]);
}

/** Returns the counted mentions: pairs of a user and a seq. */
async function mentions(): Promise<[userId: string, seq: number][]> {
  const rows = await database.query<{ userId: string; seq: number }>(
    'SELECT user_id AS "userId", seq FROM mention ORDER BY seq, user_id',
  );
  return rows.map(({ userId, seq }) => [userId, seq]);
}

/** Compares published entries with the stored ones. */
async function expectStored(entries: readonly { id: string }[]): Promise<void> {
  const stored = await database.prisma.entry.findMany({ where: { id: { in: entries.map(({ id }) => id) } } });
  const pick = ({ id, seq, position, text, data, mentionIds, mentionsAll, revision }: (typeof stored)[number]) => [
    ...[id, seq, position, text, data, [...mentionIds], mentionsAll, revision],
  ];
  const byId = new Map(stored.map((row) => [row.id, row]));
  for (const entry of entries) expect(pick(entry as never)).toEqual(pick(byId.get(entry.id) as never));
}

describe.each(databaseKinds)('the bridge over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    await apply(opened(), joined('ada'), joined('bob'));
  });

  describe('edits of one batch', () => {
    test.each([null, { ids: [idOf('ada')] }])(
      'take as many statements as one, with the mentions %j',
      async (mentions) => {
        const ids = Array.from({ length: 50 }, (_, n) => `${n}`);
        await apply(...ids.map((id) => sent(id)), sent('alone'));
        const { statements } = await apply(edited('alone', { text: 'new', mentions }));
        const together = await apply(...ids.map((id) => edited(id, { text: 'new', mentions })));
        expect(new Set(together.outcomes)).toEqual(new Set(['applied']));
        expect(together.entries).toHaveLength(50);
        expect(together.statements).toBe(statements);
        expect(statements).toBe(mentions ? 6 : 4);
      },
    );

    test('take positions of their own in order, and each gets its own outcome', async () => {
      const elsewhere = idOf('elsewhere');
      const moved = { channelId: elsewhere, messageId: idOf('far') };
      await apply({ ...opened(), channelId: elsewhere }, sent('far', moved));
      await apply(sent('a'), sent('b'), sent('c'));
      const { entries, outcomes } = await apply(
        edited('a', { text: 'A' }),
        edited('far', { ...moved, text: 'FAR' }),
        edited('b', { text: 'B', actorId: idOf('ada') }),
        edited('c', { text: 'C' }),
        edited('none', { text: 'N' }),
        edited('b', { text: 'B', revision: 1 }),
      );

      expect(outcomes).toEqual(['applied', 'applied', 'FORBIDDEN', 'applied', 'NOT_FOUND', 'CONFLICT']);
      expect(entries.map(({ text, position }) => [text, position])).toEqual([
        ['A', 7],
        ['C', 8],
      ]);
      await expectStored(entries);
      expect(await database.prisma.channel.findUnique({ where: { id: room } })).toMatchObject({ seq: 6, position: 8 });
      expect(await database.prisma.channel.findUnique({ where: { id: elsewhere } })).toMatchObject({ position: 3 });
    });

    test('see those before them of the same message, and sends before them', async () => {
      const { entries, outcomes } = await apply(
        sent('a'),
        edited('a', { text: 'b' }),
        edited('a', { text: 'c' }),
        edited('a', { text: 'b' }),
        edited('a', { text: 'd', revision: 1 }),
        sent('e', { replyToId: idOf('a') }),
      );

      expect(outcomes).toEqual(['applied', 'applied', 'CONFLICT', 'applied', 'applied', 'applied']);
      expect(entries.map(({ text, position }) => [text, position])).toEqual([
        ['a', 4],
        ['b', 5],
        ['d', 6],
        ['e', 7],
        ['d', 8],
      ]);
    });
  });

  describe('pins', () => {
    const pinned = (clientId: string, who: 'owner' | 'ada' = 'owner'): NewEvent => ({
      ...{ ...base(who), type: 'MessagePinned', messageId: idOf(clientId) },
    });
    const unpinned = (clientId: string): NewEvent => ({
      ...{ ...base('owner'), type: 'MessageUnpinned', messageId: idOf(clientId) },
    });
    const stored = async () => {
      const rows = await database.prisma.entry.findMany({
        where: { pinnedAt: { not: null } },
        orderBy: { seq: 'asc' },
      });
      return rows.map(({ text }) => text);
    };

    test('change the message and the channel once, and are no edits', async () => {
      await apply(sent('a'));
      const { entries, outcomes } = await apply(
        pinned('a'),
        pinned('a'),
        edited('a', { text: 'A' }),
        unpinned('a'),
        unpinned('a'),
      );
      expect(outcomes).toEqual(Array.from({ length: 5 }, () => 'applied'));
      expect(entries.map(({ position, pinnedAt, revision }) => [position, pinnedAt !== null, revision])).toEqual([
        [5, true, 0],
        [6, true, 1],
        [7, false, 1],
      ]);
      await expectStored(entries.slice(-1));
    });

    test('are refused by the rules, in the order of the log', async () => {
      await apply(sent('a'), sent('gone'), deleted('gone'));
      const entry = await database.prisma.entry.findFirstOrThrow({ where: { kind: 'JOINED' } });
      const { outcomes } = await apply(
        pinned('a', 'ada'),
        pinned('none'),
        pinned('gone'),
        { ...base('owner'), type: 'MessagePinned', messageId: entry.id },
        pinned('a'),
        { ...base('owner'), type: 'ChannelClosed' },
        unpinned('a'),
      );
      expect(outcomes).toEqual(['FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'FORBIDDEN', 'applied', 'applied', 'CONFLICT']);
      expect(await stored()).toEqual(['a']);
    });

    test('have a maximum in a channel, and go with their messages', async () => {
      const names = Array.from({ length: maxPins + 1 }, (_, n) => `${n}`);
      await apply(...names.map((name) => sent(name)));
      const { outcomes } = await apply(...names.map((name) => pinned(name)));
      expect(outcomes).toEqual([...names.slice(1).map(() => 'applied'), 'CONFLICT']);
      const isChanged = async () =>
        (await database.query<{ is: boolean }>('SELECT changed_offset = log_offset AS is FROM channel'))[0]?.is;
      const { entries } = await apply(deleted('0'));
      expect(entries.map(({ pinnedAt }) => pinnedAt)).toEqual([null]);
      expect(await isChanged()).toBe(true);
      await apply(sent('never pinned'));
      await apply(deleted('never pinned'));
      expect(await isChanged()).toBe(false);
      expect((await apply(pinned(`${maxPins}`))).outcomes).toEqual(['applied']);
      expect(await stored()).toEqual(names.slice(1));
    });
  });

  describe('earlier texts', () => {
    const versions = async (clientId: string) =>
      (
        await database.prisma.messageVersion.findMany({
          where: { messageId: idOf(clientId) },
          orderBy: { revision: 'asc' },
        })
      ).map(({ text }) => text);

    test('are kept by edits of the text alone, the newest ones of each message', async () => {
      await apply(sent('a', { data: '{}' }), sent('b'));
      await apply(
        edited('a', { text: 'a1' }),
        edited('b', { text: 'b1' }),
        edited('a', { data: null, text: 'a1', revision: 1 }),
      );
      await apply(edited('a', { data: { json: '{"n":1}' }, revision: 1 }), edited('none', { text: 'no' }));
      await apply(edited('a', { text: 'a2', revision: 2 }), edited('a', { text: 'a3', revision: 0 }));
      expect([await versions('a'), await versions('b')]).toEqual([['a', 'a1'], ['b']]);
      const texts = Array.from({ length: maxVersions + 5 }, (_, n) => `b${n + 2}`);
      await apply(...texts.map((text, n) => edited('b', { text, revision: n + 1 })));
      expect(await versions('b')).toEqual(['b1', ...texts].slice(-maxVersions - 1, -1));
      expect(await versions('a')).toEqual(['a', 'a1']);
    });

    test('go with the message', async () => {
      await apply(sent('a'), sent('b'), sent('c'));
      await apply(...['a', 'b', 'c'].map((clientId) => edited(clientId, { text: 'new' })));
      await apply(deleted('a'));
      expect([await versions('a'), await versions('b')]).toEqual([[], ['b']]);
      const { seq } = await database.prisma.entry.findUniqueOrThrow({ where: { id: idOf('b') } });
      await apply({ ...base('owner'), type: 'HistoryTrimmed', throughSeq: seq });
      expect([await versions('b'), await versions('c')]).toEqual([[], ['c']]);
    });
  });

  test('an edit with the position that its author saw conflicts with edits since, not with other changes', async () => {
    await apply(sent('a'));
    // A change that is no edit, such as a reaction.
    await database.query('UPDATE channel SET position = 5 WHERE id = $1', [room]);
    await database.query('UPDATE entry SET position = 5 WHERE id = $1', [idOf('a')]);

    expect((await apply(edited('a', { text: 'b', ifPosition: 4, revision: 7 }))).outcomes).toEqual(['applied']);
    const late = [4, 5, 6].map((ifPosition) => edited('a', { text: `c${ifPosition}`, ifPosition, revision: 1 }));
    expect((await apply(...late)).outcomes).toEqual(['CONFLICT', 'CONFLICT', 'applied']);
    expect((await apply(edited('a', { text: 'c6', ifPosition: 4 }))).outcomes).toEqual(['applied']);

    // A bridge of the release before has edited it: then every change counts.
    await database.query('UPDATE entry SET revised_position = NULL WHERE id = $1', [idOf('a')]);
    expect((await apply(edited('a', { text: 'd', ifPosition: 6 }))).outcomes).toEqual(['CONFLICT']);
    expect((await apply(deleted('a'), edited('a', { text: 'e', ifPosition: 99 }))).outcomes).toEqual([
      'applied',
      'CONFLICT',
    ]);
  });

  test('data is stored as given, replaced by edits that have some, and gone with the message', async () => {
    const json = '{"b": 1, "a": {"__proto__": [1.0]}}';
    const { entries } = await apply(sent('a', { data: json }), sent('b', { text: '', data: '{}' }));
    expect(entries.map(({ data }) => data)).toEqual([json, '{}']);
    await expectStored(entries);

    const changed = await apply(
      edited('a', { text: 'A' }),
      edited('b', { data: { json: null } }),
      edited('b', { data: { json: '{"n":1}' } }),
    );
    expect(changed.outcomes).toEqual(['applied', 'BAD_USER_INPUT', 'applied']);
    expect(changed.entries.map(({ data }) => data)).toEqual([json, '{"n":1}']);
    const removed = await apply(edited('a', { data: { json: null }, revision: 1 }), deleted('b'));
    expect(removed.entries.map(({ text, data }) => [text, data])).toEqual([
      ['A', null],
      ['', null],
    ]);
    await expectStored(removed.entries);
  });

  test('a channel keeps its data until it is replaced or removed', async () => {
    const id = idOf('with data');
    const update = { ...base('owner'), channelId: id, type: 'ChannelUpdated', name: null, visibility: null } as const;
    const dataOf = async () => (await database.prisma.channel.findUnique({ where: { id } }))?.data;
    await apply({ ...opened(), channelId: id, data: '{"a":1}' } as NewEvent, { ...update, name: 'New' });
    expect(await dataOf()).toBe('{"a":1}');
    await apply({ ...update, eventId: idOf('second'), data: { json: '{"a":2}' } });
    expect(await dataOf()).toBe('{"a":2}');
    await apply({ ...update, eventId: idOf('third'), data: { json: null } });
    expect(await dataOf()).toBeNull();
  });

  describe('mentions', () => {
    const [owner, ada, bob] = [idOf('owner'), idOf('ada'), idOf('bob')];

    test('are kept for members, and dropped for others and for members who have blocked the author', async () => {
      await block('bob', 'owner');
      await apply(left('ada', 1));
      const { entries, outcomes } = await apply(
        sent('a', { mentionIds: [owner, ada, bob, idOf('nobody')] }),
        sent('b'),
      );

      expect(outcomes).toEqual(['applied', 'applied']);
      expect(entries.map(({ mentionIds }) => mentionIds)).toEqual([[owner], []]);
      await expectStored(entries);
      expect(await mentions()).toEqual([[owner, 5]]);
    });

    test('of a user whom the author has blocked are refused, unless the message is there', async () => {
      const first = sent('a', { mentionIds: [bob] });
      await apply(first);
      await block('owner', 'bob');
      const again = { ...first, eventId: idOf('again') };
      const { outcomes } = await apply(
        again,
        sent('b', { mentionIds: [ada, bob] }),
        sent('c', { mentionIds: [ada] }),
        edited('a', { text: 'A', mentions: { ids: [bob] } }),
        edited('a', { text: 'A' }),
      );
      expect(outcomes).toEqual(['applied', 'CONFLICT', 'applied', 'CONFLICT', 'applied']);
      expect(await mentions()).toEqual([
        [bob, 4],
        [ada, 5],
      ]);
    });

    test('are replaced by edits that have some, and gone with the message', async () => {
      await apply(sent('a', { mentionIds: [ada] }), sent('b', { mentionIds: [ada, bob] }));
      const { entries } = await apply(
        edited('a', { mentions: { ids: [bob] } }),
        edited('b', { text: 'B' }),
        edited('b', { mentions: { ids: [] }, revision: 1 }),
      );
      expect(entries.map(({ mentionIds }) => mentionIds)).toEqual([[bob], [ada, bob], []]);
      await expectStored(entries.filter(({ text }) => text !== 'B').concat(entries.slice(-1)));
      expect(await mentions()).toEqual([[bob, 4]]);
      const removed = await apply(deleted('a'));
      expect(removed.entries).toMatchObject([{ mentionIds: [], mentionsAll: false }]);
      expect(await mentions()).toEqual([]);
    });

    test('of every member are one row, and in a room allowed to its owner and moderators only', async () => {
      const { entries, outcomes } = await apply(
        sent('a', { mentionIds: [ada], mentionsAll: true }),
        sent('b', { mentionsAll: true, actorId: ada }),
      );
      expect(outcomes).toEqual(['applied', 'FORBIDDEN']);
      expect(entries).toMatchObject([{ mentionIds: [ada], mentionsAll: true }]);
      expect(await mentions()).toEqual([[everyMember, 4]]);
      await apply(edited('a', { mentions: { ids: [bob] } }));
      expect(await mentions()).toEqual([[everyMember, 4]]);
      const { entries: removed } = await apply(deleted('a'));
      expect(removed).toMatchObject([{ mentionIds: [], mentionsAll: false }]);
      expect(await mentions()).toEqual([]);
    });
  });

  describe('a notice', () => {
    const notice = (id: string, about: 'ada' | 'carl' | null = null): NewEvent => ({
      ...{ ...base('owner'), actorId: systemUser.id, type: 'NoticeSent', messageId: idOf(id), clientId: id },
      ...{ text: id, data: '{"order":7}', about: about && factsOf(about) },
    });

    test('is an entry of the user that it is about, or of the system user, once', async () => {
      const { entries, outcomes } = await apply(notice('a'), notice('b', 'ada'), notice('c', 'carl'));
      expect(outcomes).toEqual(['applied', 'applied', 'applied']);
      expect(entries.map(({ kind, authorId, seq, position }) => [kind, authorId, seq, position])).toEqual([
        ['NOTICE', systemUser.id, 4, 4],
        ['NOTICE', idOf('ada'), 5, 5],
        ['NOTICE', idOf('carl'), 6, 6],
      ]);
      await expectStored(entries);
      expect(await database.prisma.user.findUnique({ where: { id: systemUser.id } })).toMatchObject({ name: 'System' });

      const again = await apply(notice('a'));
      expect(again).toMatchObject({ outcomes: ['applied'], entries: [] });
    });

    test('is refused where the channel is closed or not there, and nobody edits one', async () => {
      await apply(notice('a', 'ada'));
      const elsewhere = { ...notice('b'), channelId: idOf('nowhere') };
      const edit = edited('a', { text: 'other', actorId: idOf('ada') });
      await apply({ ...base('owner'), type: 'ChannelClosed' });
      expect((await apply(notice('c'), elsewhere, edit)).outcomes).toEqual(['CONFLICT', 'NOT_FOUND', 'FORBIDDEN']);
    });
  });
});
