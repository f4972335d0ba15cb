import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createHistory } from '../../api/domain/history.ts';
import { createUnread } from '../../api/domain/unread.ts';
import type { HistoryAccess, MemberRole, NewEvent } from '../../api/events.ts';
import { type Apply, createApplier } from '../support/applier.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, factsOf, idOf, opened, room } from '../support/events.ts';

type Name = 'owner' | 'ada' | 'bob';

const joined = (user: Name, revision = 0): NewEvent => ({
  ...base(user),
  type: 'MemberJoined',
  user: factsOf(user),
  revision,
});
const invited = (user: Name): NewEvent => ({
  ...base('owner'),
  type: 'MemberInvited',
  user: factsOf(user),
  revision: 0,
});
const left = (user: Name, revision: number): NewEvent => ({
  ...base(user),
  type: 'MemberLeft',
  userId: idOf(user),
  revision,
  gone: false,
});
const kicked = (user: Name): NewEvent => ({
  ...base('owner'),
  type: 'MemberRemoved',
  userId: idOf(user),
  isBan: false,
  user: null,
  deleteSince: null,
});
const roleSet = (user: Name, role: MemberRole): NewEvent => ({
  ...base('owner'),
  type: 'MemberRoleSet',
  userId: idOf(user),
  role,
});
const changed = (history: HistoryAccess): NewEvent => ({
  ...base('owner'),
  type: 'ChannelUpdated',
  name: null,
  visibility: null,
  settings: { history },
});
const openedWith = (history: HistoryAccess): NewEvent => ({ ...opened(), settings: { history } }) as NewEvent;

let sends = 0;
function sent(author: Name, replyTo: string | null = null): NewEvent & { messageId: string } {
  const clientId = `send ${sends++}`;
  const message = { messageId: idOf(`${author} ${clientId}`), clientId, text: clientId, replyToId: replyTo };
  return { ...base(author), type: 'MessageSent', ...message };
}
const onMessage = (
  type: 'MessagePinned' | 'ReactionAdded' | 'MessageDeleted',
  actor: Name,
  messageId: string,
): NewEvent => ({ ...base(actor), type, messageId, ...(type === 'ReactionAdded' && { emoji: '👍' }) }) as NewEvent;

const applied = expect.objectContaining({ applied: true });
const refusedAs = (code: string) => ({ applied: false, rejection: expect.objectContaining({ code }) });

describe.each(databaseKinds)('the history of new members over %s', (kind) => {
  let database: TestDatabase;
  let apply: Apply;

  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });

  beforeEach(async () => {
    await database.empty();
    apply = await createApplier(database);
  });

  /** Returns the seqs that a user reads in a page of the room; null for a user who may read none. */
  async function seqsFor(user: Name): Promise<number[] | null> {
    const { pages } = createHistory({ database, maxReplay: 1_000 });
    const request = { limit: 100, backward: true, after: null, before: null };
    const [found] = await pages([{ channelId: room, userId: idOf(user) }], request, 'test');
    return found === undefined || found.value instanceof Error ? null : found.value.items.map(({ seq }) => seq);
  }

  test('is decided by the setting when they join, in the order of the log', async () => {
    await apply(opened(), sent('owner'), joined('ada'), changed('SINCE_JOINED'), sent('owner'), joined('bob'));
    expect(await seqsFor('ada')).toEqual([1, 2, 3, 4, 5]);
    expect(await seqsFor('bob')).toEqual([5]);
    await apply(changed('ALL'), sent('owner'));
    expect(await seqsFor('bob')).toEqual([5, 6]);
    expect(await seqsFor('owner')).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('begins when an invitation is accepted, and again after leaving and returning', async () => {
    await apply(openedWith('SINCE_JOINED'), invited('ada'), sent('owner'));
    expect(await seqsFor('ada')).toBeNull();
    await apply(joined('ada', 1), sent('ada'));
    expect(await seqsFor('ada')).toEqual([3, 4]);
    await apply(left('ada', 2), sent('owner'), joined('ada', 3));
    expect(await seqsFor('ada')).toEqual([7]);
    await apply(kicked('ada'), changed('ALL'), joined('ada', 5));
    expect(await seqsFor('ada')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('is everything for the time of a moderating role, also for a new owner', async () => {
    await apply(openedWith('SINCE_JOINED'), sent('owner'), joined('ada'), joined('bob'));
    expect(await seqsFor('ada')).toEqual([3, 4]);
    await apply(roleSet('ada', 'MODERATOR'));
    expect(await seqsFor('ada')).toEqual([1, 2, 3, 4]);
    await apply(roleSet('ada', 'MEMBER'));
    expect(await seqsFor('ada')).toEqual([3, 4]);
    await apply(left('owner', 1));
    expect(await seqsFor('ada')).toEqual([1, 2, 3, 4, 5]);
    expect(await seqsFor('bob')).toEqual([4, 5]);
  });

  test('does not depend on the setting in a direct channel', async () => {
    const members = (['owner', 'ada'] as const).map((name) => ({ user: factsOf(name), role: 'MEMBER' as const }));
    const settings = { history: 'SINCE_JOINED' as const };
    const direct = { kind: 'DIRECT', visibility: 'PRIVATE', name: null, members, settings } as const;
    await apply({ ...base('owner'), type: 'ChannelOpened', ...direct, invitedIds: [idOf('ada')] });
    await apply(sent('owner'), joined('ada', 1), sent('owner'));
    expect(await seqsFor('ada')).toEqual([1, 2]);
  });

  test('cannot be changed, reacted to or replied to from before', async () => {
    const hidden = sent('owner');
    await apply(openedWith('SINCE_JOINED'), hidden, joined('ada'));
    const own = sent('ada');
    await apply(own, left('ada', 1), joined('ada', 2), changed('SINCE_JOINED'));
    const notFound = refusedAs('NOT_FOUND');
    for (const { messageId } of [hidden, own]) {
      expect(await apply(onMessage('ReactionAdded', 'ada', messageId))).toEqual([notFound]);
      expect(await apply(onMessage('MessagePinned', 'ada', messageId))).toEqual([notFound]);
      expect(await apply(onMessage('MessageDeleted', 'ada', messageId))).toEqual([notFound]);
      expect(await apply(sent('ada', messageId), sent('ada'))).toEqual([refusedAs('BAD_USER_INPUT'), applied]);
    }
    const edit = { ...base('ada'), type: 'MessageEdited', messageId: own.messageId, text: 'new', revision: 0 } as const;
    expect(await apply(edit)).toEqual([notFound]);
    await apply(roleSet('ada', 'MODERATOR'));
    expect(await apply(sent('ada', hidden.messageId))).toEqual([applied]);
    expect(await apply(onMessage('MessagePinned', 'ada', hidden.messageId))).toEqual([applied]);
  });

  /** An event of a random history. The revision of a membership rises with each change of it. */
  const step = fc.oneof(
    fc.record({ type: fc.constant('send' as const) }),
    fc.record({ type: fc.constant('come or go' as const), who: fc.constantFrom<Name>('ada', 'bob') }),
    fc.record({ type: fc.constant('set' as const), history: fc.constantFrom<HistoryAccess>('ALL', 'SINCE_JOINED') }),
    fc.record({
      type: fc.constant('promote' as const),
      who: fc.constantFrom<Name>('ada', 'bob'),
      role: fc.constantFrom<MemberRole>('MODERATOR', 'MEMBER'),
    }),
  );

  test('agrees with a model after any history, in pages, changes and counts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        await database.empty();
        apply = await createApplier(database);
        await apply(opened());
        let [seq, history]: [number, HistoryAccess] = [1, 'ALL'];
        const members = new Map<
          Name,
          { role: MemberRole; from: number; joinedSeq: number; isMember: boolean; revision: number }
        >();
        const texts: number[] = [];
        for (const one of steps) {
          if (one.type === 'send') {
            await apply(sent('owner'));
            texts.push(++seq);
          } else if (one.type === 'set') {
            history = one.history;
            await apply(changed(history));
          } else if (one.type === 'promote') {
            const member = members.get(one.who);
            if (!member?.isMember || member.role === one.role) continue;
            await apply(roleSet(one.who, one.role));
            Object.assign(member, { role: one.role, revision: member.revision + 1 });
          } else {
            const { isMember = false, revision = 0 } = members.get(one.who) ?? {};
            await apply(isMember ? left(one.who, revision) : joined(one.who, revision));
            seq++;
            const start = { from: history === 'ALL' ? 0 : seq, joinedSeq: seq };
            members.set(one.who, { role: 'MEMBER', ...start, isMember: !isMember, revision: revision + 1 });
          }
        }
        for (const [who, { role, from, joinedSeq, isMember }] of members) {
          const readable = Array.from({ length: seq }, (_, n) => n + 1).filter((n) => role !== 'MEMBER' || n >= from);
          expect(await seqsFor(who)).toEqual(isMember ? readable : null);
          if (!isMember) continue;
          const pair = { channelId: room, userId: idOf(who) };
          const [changes] = await createHistory({ database, maxReplay: 1_000 }).changesOf(
            [pair],
            { after: 0, limit: 100 },
            'test',
          );
          expect(changes?.value).toMatchObject({ entries: readable.map((n) => ({ seq: n })), more: false });
          const [unread] = await createUnread(database).unread([pair], 'test');
          expect(unread?.count).toBe(texts.filter((n) => n > joinedSeq).length);
        }
      }),
      { numRuns: 25 },
    );
  });
});
