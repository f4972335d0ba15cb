import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selectMemberIds, selectMembers, selectRooms } from '../../api/domain/channel-statements.ts';
import {
  countChanges,
  selectAround,
  selectChanges,
  selectLast,
  selectPages,
} from '../../api/domain/history-statements.ts';
import { createUnread, maxUnread, selectChannelsWithNews, selectUnread } from '../../api/domain/unread.ts';
import { selectByName } from '../../api/domain/user-search.ts';
import type { Statement } from '../../api/infra/database/statement.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';

/** Entries of the large room; Ada has seen none of them. */
const entries = 5_000;
/** Members of the large room. */
const members = 3_000;
const [ada, author, blocked, room] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()] as const;
/** Messages of the large room: the oldest one, one in the middle, and one of the user whom Ada has blocked. */
const [oldest, middle, hidden] = [randomUUID(), randomUUID(), randomUUID()] as const;

/** A node of a plan, as EXPLAIN reports it. */
interface PlanNode {
  'Node Type': string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

const page = { limit: 51, afterAt: null, afterId: null, beforeAt: null, beforeId: null };
/** The end of the members, who all joined at the same time. */
const late = { afterAt: new Date('2026-01-01T00:00:00Z'), afterId: 'ff000000-0000-0000-0000-000000000000' };
const names = { prefix: 'user', afterName: null, afterId: null, beforeName: null, beforeId: null, limit: 51 };
const pair = { channelIds: [room], userIds: [ada] };
const unread = { ...pair, afters: [0], window: 2 * maxUnread };
const backward = { backward: true };
const around = (messageId: string) => ({ ...pair, messageIds: [messageId], limit: 50 });

/** Statements with the most rows that each may examine in tables and indexes. */
const reads: [name: string, statement: Statement<unknown, never>, parameters: object, rows: number][] = [
  ['unread messages of a channel', selectUnread, unread, 4 * maxUnread],
  ['unread messages behind many of the own', selectUnread, { ...unread, userIds: [author] }, 4 * maxUnread],
  ['channels with news', selectChannelsWithNews, { userIds: [ada] }, 10],
  ['the newest entry', selectLast, pair, 100],
  ['the newest page of the history', selectPages(backward), { ...pair, after: 0, before: 1e9, limit: 51 }, 500],
  ['the page around a message', selectAround, around(middle), 220],
  ['the page around the oldest message', selectAround, around(oldest), 120],
  ['the page around a message that is not there', selectAround, around(randomUUID()), 5],
  ['the page around a hidden message', selectAround, around(hidden), 6],
  ['changes', selectChanges, { ...pair, after: 0, limit: 51, maxCount: 501 }, 2_000],
  ['the number of changes', countChanges, { channelIds: [room], afters: [0], maxCount: 501 }, 501],
  ['a page of members', selectMembers({ backward: false }), { channelIds: [room], ...page }, 500],
  ['a later page of members', selectMembers({ backward: false }), { channelIds: [room], ...page, ...late }, 500],
  ['the ids of members', selectMemberIds, { channelIds: [room], limit: 500 }, 500],
  ['a page of rooms', selectRooms({ backward: false }), { search: null, ...page }, 500],
  ['users whose name begins with a text', selectByName({ backward: false }), { viewerId: ada, ...names }, 1_000],
];

describe.each(databaseKinds)('over %s', (kind) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await openDatabase(kind);
    await fill(database);
  });
  afterAll(() => database.stop());

  test.each(reads)('%s are read with a bounded number of rows', async (_, { text, values }, parameters, rows) => {
    const [explained] = await database.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      values(parameters as never),
    );
    const examined = examinedRows(explained?.['QUERY PLAN'][0].Plan);
    expect(examined).toBeGreaterThan(0);
    expect(examined).toBeLessThanOrEqual(rows);
  });

  test('unread messages are counted up to the bound, and the first one is found', async () => {
    const counts = createUnread(database);
    const pairs = [{ channelId: room, userId: ada }];
    expect(await counts.unread(pairs, ada)).toEqual([{ ...pairs[0], count: maxUnread, firstId: oldest }]);
    expect(await counts.unreadInAll([ada], ada)).toEqual([{ userId: ada, count: maxUnread }]);
  });

  test('messages behind thousands of the own are counted, and the first one is found', async () => {
    const counts = createUnread(database);
    const [first] = await database.query<{ id: string }>('SELECT id FROM entry WHERE channel_id = $1 AND seq = $2', [
      room,
      entries - 9,
    ]);
    const pair = { channelId: room, userId: author };
    expect(await counts.unread([pair], author)).toEqual([{ ...pair, count: 10, firstId: first?.id }]);
    expect(await counts.unreadInAll([author], author)).toEqual([{ userId: author, count: 10 }]);
  });

  test('counts for many members of a channel are those of each member', async () => {
    const counts = createUnread(database);
    const marks: [userId: string, seenSeq: number][] = [
      ...[0, entries - 1_500, entries - 700, entries - 5, entries].map((seq): [string, number] => [ada, seq]),
      ...[0, entries - 1_500, entries - 5, entries].map((seq): [string, number] => [author, seq]),
    ];
    for (const [userId, seenSeq] of marks) {
      await database.query(
        `INSERT INTO seen_mark (channel_id, user_id, seq) VALUES ($1, $2, $3)
         ON CONFLICT (channel_id, user_id) DO UPDATE SET seq = excluded.seq`,
        [room, userId, seenSeq],
      );
      const [one] = await counts.unread([{ channelId: room, userId }], userId);
      const [shared] = await counts.unreadCounts(new Array(5).fill({ channelId: room, userId, seenSeq }), 'rounds');
      expect(shared?.count).toBe(one?.count);
    }
    await database.query('DELETE FROM seen_mark');
  });
});

/** Returns the number of rows that the scans of a plan looked at. */
function examinedRows(node: PlanNode | undefined): number {
  if (node === undefined) return 0;
  const below = (node.Plans ?? []).reduce((sum, child) => sum + examinedRows(child), 0);
  if (!/Scan$/.test(node['Node Type']) || node['Node Type'] === 'Function Scan') return below;
  return below + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
}

/** Inserts a room with many entries and members, among them Ada, whose newest ten entries are of a user whom she blocked. */
async function fill({ query }: TestDatabase): Promise<void> {
  const at = "timestamptz '2026-01-01'";
  await query(
    `INSERT INTO users (id, name, created_at)
     SELECT id, 'User', ${at} FROM unnest(ARRAY[$1, $2, $3]::uuid[]) AS u(id)`,
    [ada, author, blocked],
  );
  await query(
    `INSERT INTO users (id, name, created_at) SELECT gen_random_uuid(), 'Member', ${at} FROM generate_series(1, ${members})`,
  );
  await query(
    `INSERT INTO channel (id, kind, visibility, created_at, seq, position, last_activity_at)
     VALUES ($1, 'ROOM', 'PUBLIC', ${at}, ${entries}, ${entries}, ${at})`,
    [room],
  );
  await query(
    `INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq)
     SELECT $1, id, 'MEMBER', 'ACTIVE', ${at}, 0 FROM users`,
    [room],
  );
  await query('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())', [ada, blocked]);
  await query(
    `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at)
     SELECT CASE n WHEN 1 THEN $4 WHEN ${entries / 2} THEN $5 WHEN ${entries} THEN $6 ELSE gen_random_uuid() END, $1, CASE WHEN n > ${entries - 10} THEN $3::uuid ELSE $2::uuid END, 'TEXT', n, n, 'Hello', ${at}
     FROM generate_series(1, ${entries}) AS n`,
    [room, author, blocked, oldest, middle, hidden],
  );
  await query('ANALYZE');
}
