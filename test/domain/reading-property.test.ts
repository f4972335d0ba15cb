import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import { createChannelReads } from '../../api/domain/channel-reads.ts';
import { createPreferences, type NotifyLevel } from '../../api/domain/preferences.ts';
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { createReceipts } from '../../api/domain/receipts.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, idOf } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { createUpdatesWorld, joinedBy, sentBy, worldChannels } from '../support/updates-world.ts';

const ada = idOf('ada');
const [room = ''] = worldChannels;

type Person = 'owner' | 'ada' | 'bob';
type Mark = { type: 'see' | 'unsee'; seq: number };
type Step =
  | { type: 'send'; who: Person; mention: 'ada' | 'all' | null }
  | { type: 'delete'; nth: number }
  | { type: 'come or go'; who: 'ada' | 'bob' }
  | { type: 'block or unblock'; who: 'owner' | 'bob' }
  | { type: 'trim'; upTo: number }
  | { type: 'mark'; marks: readonly Mark[] }
  | { type: 'prefer'; notify: NotifyLevel | null; pinned: boolean | null; archived: boolean | null };

const seq = fc.integer({ min: 1, max: 30 });
const mark: fc.Arbitrary<Mark> = fc.record({ type: fc.constantFrom('see' as const, 'unsee' as const), seq });
const flag = fc.option(fc.boolean());
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('send' as const),
      who: fc.constantFrom('owner', 'ada', 'bob'),
      mention: fc.constantFrom('ada', 'all', null),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), nth: fc.nat(10) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('come or go' as const), who: fc.constantFrom('ada', 'bob') }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('block or unblock' as const), who: fc.constantFrom('owner', 'bob') }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('trim' as const), upTo: seq }) },
  {
    weight: 6,
    // Of one device, or of two at the same moment.
    arbitrary: fc.record({ type: fc.constant('mark' as const), marks: fc.array(mark, { minLength: 1, maxLength: 2 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('prefer' as const),
      notify: fc.option(fc.constantFrom('ALL', 'MENTIONS', 'NOTHING')),
      pinned: flag,
      archived: flag,
    }),
  },
);

interface ModelMessage {
  id: string;
  seq: number;
  author: Person;
  mentionsAda: boolean;
  isDeleted: boolean;
}

describe.each(databaseKinds)('reading over %s', (kind) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });

  test('unread messages, marks and preferences are those of a model, for two devices', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
        await database.empty();
        const run = await createRun(database);
        for (const one of steps) {
          await run.step(one);
          await run.check();
        }
      }),
      { numRuns: 12 },
    );
  });
});

/** Creates a room with its owner, and a model of Ada's view of it. */
async function createRun(database: TestDatabase) {
  const world = await createUpdatesWorld(database);
  await database.query(
    `INSERT INTO users (id, name, created_at) SELECT id, 'user', now() FROM unnest($1::uuid[]) AS u(id) ON CONFLICT DO NOTHING`,
    [[ada, idOf('bob')]],
  );
  const logger = createTestLogger();
  const options = { database, pubsub: createLossyPubSub(() => 'lose'), rateLimits: noRateLimits, logger };
  const [receipts, preferences, reads] = [
    createReceipts({ ...options, activity: { seen: () => {} } }),
    createPreferences(options),
    createChannelReads(database),
  ];
  const viewer: Viewer = { userId: ada, sessionId: idOf('session'), name: 'ada', createdAt: '', expiresAt: 0 };
  const members = new Set<Person>(['owner']);
  const blocked = new Set<Person>();
  const [opened] = await database.query<{ seq: number }>('SELECT seq FROM channel WHERE id = $1', [room]);
  let head = opened?.seq ?? 0;
  let messages: ModelMessage[] = [];
  let own: Own = newOwn(head);

  return { step, check };

  async function step(one: Step): Promise<void> {
    switch (one.type) {
      case 'send':
        return members.has(one.who) ? send(one.who, one.mention) : undefined;
      case 'delete':
        return remove(messages.filter(({ isDeleted }) => !isDeleted)[one.nth]);
      case 'come or go':
        return comeOrGo(one.who);
      case 'block or unblock':
        return blockOrUnblock(one.who);
      case 'trim':
        return trim(one.upTo);
      case 'mark':
        return changeMark(one.marks);
      case 'prefer':
        return prefer(one);
    }
  }

  /** A member who has blocked the author is not mentioned. Only the owner mentions every member. */
  async function send(author: Person, mention: 'ada' | 'all' | null): Promise<void> {
    const mentionsAll = mention === 'all' && author === 'owner';
    const mentionIds = mention === 'ada' && members.has('ada') ? [ada] : [];
    const event = { ...sentBy(author, `message ${head}`, room), mentionIds, mentionsAll };
    await world.apply(event);
    head++;
    const mentionsAda = mentionsAll || (mentionIds.length > 0 && !blocked.has(author));
    messages.push({
      id: 'messageId' in event ? event.messageId : '',
      seq: head,
      author,
      mentionsAda,
      isDeleted: false,
    });
  }

  async function remove(message: ModelMessage | undefined): Promise<void> {
    if (message === undefined || !members.has(message.author)) return;
    await world.apply({ ...base(message.author), channelId: room, type: 'MessageDeleted', messageId: message.id });
    message.isDeleted = true;
  }

  async function comeOrGo(who: 'ada' | 'bob'): Promise<void> {
    const left = { ...base(who), type: 'MemberLeft', userId: idOf(who), revision: 0, gone: false } as const;
    await world.apply(await world.in(members.has(who) ? left : joinedBy(who, room), room));
    head++;
    if (members.delete(who)) return;
    members.add(who);
    if (who === 'ada') own = newOwn(head);
  }

  async function blockOrUnblock(who: Person): Promise<void> {
    const sql = blocked.has(who)
      ? 'DELETE FROM block WHERE blocker_id = $1 AND blocked_id = $2'
      : 'INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())';
    await database.query(sql, [ada, idOf(who)]);
    if (!blocked.delete(who)) blocked.add(who);
  }

  /** Removes old entries, as retention does. */
  async function trim(upTo: number): Promise<void> {
    await world.apply({ ...base('owner'), channelId: room, type: 'HistoryTrimmed', throughSeq: upTo });
    messages = messages.filter((message) => message.seq > upTo);
  }

  async function changeMark(marks: readonly Mark[]): Promise<void> {
    const run = ({ type, seq: to }: Mark) =>
      type === 'see' ? receipts.markSeen(viewer, room, to) : receipts.markUnread(viewer, room, to);
    const results = await Promise.allSettled(marks.map(run));
    expect(results.every(({ status }) => (status === 'fulfilled') === members.has('ada'))).toBe(true);
    if (!members.has('ada')) return;
    const legal = [marks, marks.toReversed()].map((order) => order.reduce(moved, own.seenSeq));
    const [membership] = await reads.memberships([{ channelId: room, userId: ada }], ada);
    expect(legal).toContain(membership?.seenSeq);
    own.seenSeq = membership?.seenSeq ?? -1;
  }

  function moved(from: number, { type, seq: to }: Mark): number {
    return type === 'see' ? Math.max(from, Math.min(to, head)) : Math.min(from, to - 1);
  }

  async function prefer({ notify, pinned, archived }: Extract<Step, { type: 'prefer' }>): Promise<void> {
    const change = preferences.change(viewer, room, { notify, pinned, archived });
    const isRefused = !members.has('ada') || [notify, pinned, archived].every((value) => value === null);
    if (isRefused) return expect(change).rejects.toThrow();
    await change;
    own.notify = notify ?? own.notify;
    own.pinned = pinned ?? own.pinned;
    if (archived !== null) own.archivedSeq = archived ? head : null;
  }

  async function check(): Promise<void> {
    const pair = { channelId: room, userId: ada };
    const [membership] = await reads.memberships([pair], ada);
    const [unread] = await receipts.unread([pair], ada);
    const [inAll] = await receipts.unreadInAll([ada], ada);
    if (!members.has('ada')) {
      expect([membership, unread, inAll?.count]).toEqual([undefined, undefined, 0]);
      return;
    }
    const { seenSeq, notify, pinned, archivedSeq } = own;
    const visible = messages.filter(({ author }) => !blocked.has(author));
    const archived = archivedSeq !== null && !visible.some((message) => message.seq > archivedSeq);
    const expected = visible.filter((one) => !one.isDeleted && one.author !== 'ada' && one.seq > seenSeq);
    expect(membership).toMatchObject({ seenSeq, notify, pinned, archived });
    expect(unread).toEqual({ ...pair, count: expected.length, firstId: expected[0]?.id ?? null });
    const mentioning = expected.filter(({ mentionsAda }) => mentionsAda).length;
    expect(await receipts.mentions([pair], ada)).toEqual([{ ...pair, count: mentioning }]);
    const told = { ALL: expected.length, MENTIONS: mentioning, NOTHING: 0 }[notify];
    expect(inAll?.count).toBe(archived ? 0 : told);
    const many = await receipts.unreadCounts(new Array(5).fill({ ...pair, seenSeq }), ada);
    expect(many.map(({ count }) => count)).toEqual(new Array(5).fill(expected.length));
  }
}

/** Ada's own record of the room. */
interface Own {
  seenSeq: number;
  notify: NotifyLevel;
  pinned: boolean;
  archivedSeq: number | null;
}

function newOwn(joinedSeq: number): Own {
  return { seenSeq: joinedSeq, notify: 'ALL', pinned: false, archivedSeq: null };
}
