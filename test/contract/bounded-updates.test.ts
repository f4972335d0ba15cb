import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countGaps, selectGaps, selectSnapshots } from '../../api/domain/updates/statements.ts';
import { encodeUpdateCursor, identityOf } from '../../api/domain/updates/update-cursor.ts';
import { createUpdates } from '../../api/domain/updates/updates.ts';
import type { Statement } from '../../api/infra/database/statement.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';

/** Changes of the busy room and of each other one, and the number of rooms; the newest two changes of each tenth are unknown. */
const [busyChanges, changes, rooms] = [50_000, 50, 300];
const maxReplay = 10_000;
const [ada, author, busy] = [randomUUID(), randomUUID(), randomUUID()];
/** Offset from which on the client knows nothing, and the end of the log. */
const [known, end] = [1_000_000, 2_000_000];

/** A node of a plan, as EXPLAIN reports it. */
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

const snapshot = {
  log: 'log',
  userIds: [ada],
  nexts: [`{${known}}`],
  since: [new Date()],
  placeIds: ['00000000-0000-0000-0000-000000000000'],
  placeOffsets: ['0'],
  most: maxReplay,
};
const gap = { channelIds: [busy], lows: [busyChanges / 2], lowers: [String(known)], uppers: [String(end)] };

/** Statements with the most rows that each may examine in tables and indexes. */
const reads: [name: string, statement: Statement<unknown, never>, parameters: object, rows: number][] = [
  ['the channels of a viewer of 300', selectSnapshots, snapshot, 10 * rooms],
  ['the entries of a gap', selectGaps, { ...gap, highs: [busyChanges / 2 + 100], userIds: [ada] }, 500],
  ['the size of a gap', countGaps, { ...gap, highs: [busyChanges / 2 + 2 * maxReplay] }, 3 * maxReplay],
];

const noTickets = { find: async (userIds: readonly string[]) => userIds.map(() => null) };

describe.each(databaseKinds)('over %s', (kind) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await openDatabase(kind);
    await fill(database);
  });
  afterAll(() => database.stop());

  test.each(reads)(
    '%s are read with a bounded number of rows, and by indexes',
    async (_, { text, values }, given, rows) => {
      const [explained] = await database.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        values(given as never),
      );
      const scans = scansOf(explained?.['QUERY PLAN'][0].Plan);
      const whole = scans.filter((scan) => scan['Node Type'] === 'Seq Scan').map((scan) => scan['Relation Name']);
      expect(whole.filter((table) => ['entry', 'member', 'channel', 'users'].includes(table ?? ''))).toEqual([]);
      const examined = scans.map(
        (scan) => (scan['Actual Rows'] + (scan['Rows Removed by Filter'] ?? 0)) * scan['Actual Loops'],
      );
      const sum = examined.reduce((total, count) => total + count, 0);
      expect(sum).toBeGreaterThan(0);
      expect(sum).toBeLessThanOrEqual(rows);
    },
  );

  // PostgreSQL plans without parameters by its simple protocol alone.
  test.each(kind === 'PGlite' ? reads : [])('%s are read by indexes for all parameters', async (_, { text }) => {
    const rows = await database.query<Record<string, string>>(`EXPLAIN (GENERIC_PLAN, COSTS OFF) ${text}`);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).not.toMatch(/Seq Scan on (entry|member|channel|users)\b/);
  });

  test('a channel with 50,000 changes is loaded again by itself, and the others are replayed', async () => {
    const guard = { isCaughtUp: async () => true, caughtUpMs: 0 };
    const updates = createUpdates({ database, tickets: noTickets, logName: 'log', guard, maxReplay, cursorDays: 30 });
    const log = identityOf({ name: 'log', partitions: 1, ids: ['id'] });
    const cursor = encodeUpdateCursor({ log, from: { next: [known], time: Date.now() }, sweep: null });
    const events: string[] = [];
    await updates.resume(ada, cursor, (page) => {
      for (const { event } of page) events.push(event.type === 'resync' ? `resync ${event.channelId}` : event.type);
    });
    expect(events.filter((event) => event.startsWith('resync'))).toEqual([`resync ${busy}`]);
    expect(events.filter((event) => event === 'message')).toHaveLength((rooms / 10) * 2);
    expect(events).toHaveLength(1 + (rooms / 10) * 2);
  });
});

/** Returns the scans of tables in a plan. */
function scansOf(node: PlanNode | undefined): PlanNode[] {
  if (node === undefined) return [];
  const below = (node.Plans ?? []).flatMap(scansOf);
  return /(Seq|Index|Index Only|Bitmap Heap) Scan$/.test(node['Node Type']) ? [node, ...below] : below;
}

/** Inserts a busy room and many others, all of Ada's, and as many members of others that the plans must not read. */
async function fill({ query }: TestDatabase): Promise<void> {
  const at = "timestamptz '2026-01-01'";
  await query(`INSERT INTO event_log (name, partitions) VALUES ('log', 1)`);
  await query(`INSERT INTO log_position (log, partition, next_offset, log_id) VALUES ('log', 0, ${end}, 'id')`);
  await query(`INSERT INTO users (id, name, created_at) SELECT id, 'User', ${at} FROM unnest($1::uuid[]) AS u(id)`, [
    [ada, author],
  ]);
  await query(
    `INSERT INTO users (id, name, created_at) SELECT gen_random_uuid(), 'Member', ${at} FROM generate_series(1, 5000)`,
  );
  await query(
    `INSERT INTO channel (id, kind, visibility, created_at, seq, position, last_activity_at,
       log_partition, log_offset, changed_offset, log_version, tracked_from, tracked_position)
     SELECT CASE n WHEN 0 THEN $1::uuid ELSE gen_random_uuid() END, 'ROOM', 'PUBLIC', ${at}, c, c, ${at}, 0,
       CASE WHEN n % 10 = 0 THEN ${known} + c ELSE c END, 0, 0, 0, 0
     FROM generate_series(0, ${rooms}) AS n CROSS JOIN LATERAL (
       SELECT CASE n WHEN 0 THEN ${busyChanges} ELSE ${changes} END AS c) AS counted`,
    [busy],
  );
  await query(
    `INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq, log_offset)
     SELECT x.channel_id, x.user_id, 'MEMBER', 'ACTIVE', ${at}, 0, 0 FROM (
       SELECT c.id AS channel_id, $1::uuid AS user_id FROM channel c
       UNION ALL SELECT $2, u.id FROM users u WHERE u.name = 'Member') x`,
    [ada, busy],
  );
  await query(
    `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at, log_offset)
     SELECT gen_random_uuid(), c.id, $1, 'TEXT', n, n, 'Hello', ${at},
       CASE WHEN c.log_offset > ${known} AND (c.position > ${changes} OR n > ${changes} - 2) THEN ${known} + n ELSE n END
     FROM channel c CROSS JOIN LATERAL generate_series(1, c.position) AS n`,
    [author],
  );
  await query('ANALYZE');
}
