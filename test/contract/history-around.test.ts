import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAccess } from '../../api/domain/access.ts';
import { createHistory } from '../../api/domain/history.ts';
import { createHistoryAround, type HistoryAround } from '../../api/domain/history-around.ts';
import { NotFoundError, UnavailableError } from '../../api/errors.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';

const [ada, bob, eve] = [randomUUID(), randomUUID(), randomUUID()] as const;
const at = '2026-01-01T00:00:00Z';

/** An entry of a history to insert. */
interface Written {
  id: string;
  authorId: string;
  isDeleted: boolean;
}

describe.each(databaseKinds)('over %s', (kind) => {
  let database: TestDatabase;
  let isCaughtUp = true;

  beforeAll(async () => {
    database = await openDatabase(kind);
  });
  afterAll(() => database.stop());
  beforeEach(async () => {
    isCaughtUp = true;
    await database.empty();
    await database.query(
      `INSERT INTO users (id, name, created_at) SELECT id, 'User', $2 FROM unnest($1::uuid[]) AS u(id)`,
      [[ada, bob, eve], at],
    );
    await database.query('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3)', [ada, eve, at]);
  });

  /** Opens a room of members with a history. */
  async function fill(written: readonly Written[], members: readonly string[] = [ada]): Promise<string> {
    const channelId = randomUUID();
    await database.query(
      `INSERT INTO channel (id, kind, visibility, created_at, seq, position, last_activity_at)
       VALUES ($1, 'ROOM', 'PUBLIC', $2, $3, $3, $2)`,
      [channelId, at, written.length],
    );
    await database.query(
      `INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq)
       SELECT $1, id, 'MEMBER', 'ACTIVE', $3, 0 FROM unnest($2::uuid[]) AS u(id)`,
      [channelId, members, at],
    );
    await database.query(
      `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at, deleted_at)
       SELECT id, $1, author_id, 'TEXT', n, n, n, $5, CASE WHEN is_deleted THEN $5::timestamptz END
       FROM unnest($2::uuid[], $3::uuid[], $4::boolean[]) WITH ORDINALITY AS e(id, author_id, is_deleted, n)`,
      [
        channelId,
        written.map(({ id }) => id),
        written.map((one) => one.authorId),
        written.map((one) => one.isDeleted),
        at,
      ],
    );
    return channelId;
  }

  function createReads() {
    const access = createAccess(database, { isCaughtUp: async () => isCaughtUp, caughtUpMs: 0 });
    const readAround = createHistoryAround({ database, access });
    const { pages } = createHistory({ database, maxReplay: 10 });
    return {
      async around(channelId: string, messageId: string, limit: number, userId: string = ada) {
        const [found] = await readAround([{ channelId, userId, messageId }], limit, userId);
        expect(found).toMatchObject({ channelId, userId, messageId });
        return found?.value;
      },
      readAround,
      /** Reads the pages from an entry to the end of the history, in one direction. */
      async rest(channelId: string, limit: number, from: { after: number } | { before: number }) {
        const ids: string[] = [];
        const backward = 'before' in from;
        for (let key = Object.values(from)[0] as number; ; ) {
          const bounds = backward ? { after: null, before: key } : { after: key, before: null };
          const [page] = await pages([{ channelId, userId: ada }], { limit, backward, ...bounds }, ada);
          if (page === undefined || page.value instanceof Error) throw new Error('the page cannot be read');
          const read = page.value.items.map(({ id }) => id);
          if (backward) ids.unshift(...read);
          else ids.push(...read);
          key = (backward ? page.value.items.at(0) : page.value.items.at(-1))?.seq ?? key;
          if (!page.value.hasMore) return ids;
        }
      },
    };
  }

  const byBob = (): Written => ({ id: randomUUID(), authorId: bob, isDeleted: false });
  const idsOf = (page: HistoryAround | Error | null | undefined) =>
    page && 'items' in page ? page.items.map(({ id }) => id) : page;

  test('pages around any message, joined with those on both sides, are the whole history', async () => {
    const { around, rest } = createReads();
    const written = fc.record({
      id: fc.uuid({ version: 4 }),
      authorId: fc.constantFrom(ada, bob, eve),
      isDeleted: fc.boolean(),
    });
    const histories = fc.uniqueArray(written, { selector: ({ id }) => id, minLength: 1, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(histories, fc.nat(), fc.integer({ min: 1, max: 6 }), async (history, pick, limit) => {
        await database.query('DELETE FROM entry');
        const channelId = await fill(history);
        const visible = history.filter(({ authorId }) => authorId !== eve).map(({ id }) => id);
        const { id } = history[pick % history.length] as Written;
        const page = await around(channelId, id, limit);
        if (!visible.includes(id)) {
          expect(page).toBeInstanceOf(NotFoundError);
          return;
        }
        if (!page || page instanceof Error) throw new Error('the page cannot be read');

        const { items, hasPrevious, hasNext, position } = page;
        const [first, last] = [items.at(0)?.seq ?? 0, items.at(-1)?.seq ?? 0];
        const older = await rest(channelId, limit, { before: first });
        const newer = await rest(channelId, limit, { after: last });
        expect([...older, ...items.map((item) => item.id), ...newer]).toEqual(visible);
        expect({ hasPrevious, hasNext, position }).toEqual({
          hasPrevious: older.length > 0,
          hasNext: newer.length > 0,
          position: history.length,
        });
        expect(items).toHaveLength(Math.min(limit, visible.length));
        const place = items.findIndex((item) => item.id === id);
        expect(place).toBeGreaterThanOrEqual(0);
        // The message is in the middle, unless one side has nothing more.
        if (hasPrevious && hasNext) expect(place).toBe(Math.floor((limit - 1) / 2));
      }),
      { numRuns: 60 },
    );
  });

  test('a deleted message is in the middle of its page, without its text', async () => {
    const written = [byBob(), { ...byBob(), isDeleted: true }, byBob()];
    const channelId = await fill(written);
    const page = (await createReads().around(channelId, written[1]?.id ?? '', 3)) as HistoryAround;
    expect(idsOf(page)).toEqual(written.map(({ id }) => id));
    expect(page.items.map(({ deletedAt }) => deletedAt !== null)).toEqual([false, true, false]);
  });

  test('users who are not members have no page, whether the message is there or not', async () => {
    const written = [byBob()];
    const [channelId, elsewhere] = [await fill(written, [bob]), randomUUID()];
    const { around } = createReads();
    for (const [channel, message] of [
      [channelId, written[0]?.id ?? ''],
      [channelId, randomUUID()],
      [elsewhere, written[0]?.id ?? ''],
    ] as const)
      expect(await around(channel, message, 3)).toBeNull();
    await database.query(`UPDATE member SET state = 'LEFT' WHERE channel_id = $1`, [channelId]);
    expect(await around(channelId, written[0]?.id ?? '', 3, bob)).toBeNull();
  });

  test('a message of another channel, of a blocked author or of nowhere is not found', async () => {
    const [others, hidden] = [[byBob()], [byBob(), { ...byBob(), authorId: eve }]];
    await fill(others, [ada, bob]);
    const channelId = await fill(hidden, [ada, bob]);
    const { around } = createReads();
    for (const id of [others[0]?.id, hidden[1]?.id, randomUUID()])
      expect(await around(channelId, id ?? '', 3)).toBeInstanceOf(NotFoundError);
    expect(idsOf(await around(channelId, hidden[1]?.id ?? '', 3, bob))).toEqual(hidden.map(({ id }) => id));
  });

  test('a message that is not there may still come while the database catches up with the log', async () => {
    const channelId = await fill([byBob()]);
    isCaughtUp = false;
    const { around } = createReads();
    expect(await around(channelId, randomUUID(), 3)).toBeInstanceOf(UnavailableError);
    expect(await around(randomUUID(), randomUUID(), 3)).toBeNull();
  });

  test('pages around messages of several channels and users are read together', async () => {
    const [first, second] = [[byBob(), byBob()], [byBob()]];
    const channelIds = [await fill(first, [ada, bob]), await fill(second, [bob])] as const;
    const { readAround } = createReads();
    const asked = [
      { channelId: channelIds[0], userId: ada, messageId: first[0]?.id ?? '' },
      { channelId: channelIds[0], userId: ada, messageId: first[1]?.id ?? '' },
      { channelId: channelIds[1], userId: bob, messageId: second[0]?.id ?? '' },
      { channelId: channelIds[1], userId: ada, messageId: second[0]?.id ?? '' },
    ];
    const found = new Map(
      (await readAround(asked, 1, ada)).map((row) => [`${row.userId} ${row.messageId}`, idsOf(row.value)]),
    );
    expect(asked.map((one) => found.get(`${one.userId} ${one.messageId}`))).toEqual([
      [first[0]?.id],
      [first[1]?.id],
      [second[0]?.id],
      null,
    ]);
  });

  test('a page is of the moment of its position while others write', async () => {
    const written = [byBob()];
    const channelId = await fill(written);
    const { around } = createReads();
    const writing = (async () => {
      for (let seq = 2; seq <= 60; seq++)
        await database.transaction(async (query) => {
          await query(`UPDATE channel SET seq = $2, position = $2 WHERE id = $1`, [channelId, seq]);
          await query(
            `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at)
             VALUES ($1, $2, $3, 'TEXT', $4, $4, '', $5)`,
            [randomUUID(), channelId, bob, seq, at],
          );
        });
    })();
    let position = 0;
    while (position < 60) {
      const page = (await around(channelId, written[0]?.id ?? '', 100)) as HistoryAround;
      expect(page.items.at(-1)?.position).toBe(page.position);
      position = page.position;
    }
    await writing;
  });
});
