import { expect, test } from 'vitest';
import type { ChannelOfUser } from '../../api/domain/channel-of-user.ts';
import { createUnread, selectUnread } from '../../api/domain/unread.ts';
import type { Database } from '../../api/infra/database/database.ts';

/** Creates counts over a database in which everybody has one unread message in each channel, which counts its statements. */
function setUp() {
  const counts = { statements: 0, running: 0, mostRunning: 0, mostPairs: 0 };
  const rowsOf = (statement: unknown, { channelIds = [], userIds = [] }: Record<string, string[]>) => {
    if (statement !== selectUnread) return [{ seqs: [2], authorIds: ['somebody'], head: 2 }];
    counts.mostPairs = Math.max(counts.mostPairs, channelIds.length);
    return channelIds.map((channelId, n) => ({
      channelId,
      userId: userIds[n],
      count: 1,
      firstId: null,
      through: null,
    }));
  };
  const read = async (_reader: string, statement: unknown, parameters: Record<string, string[]>) => {
    counts.statements++;
    counts.mostRunning = Math.max(counts.mostRunning, ++counts.running);
    await new Promise(setImmediate);
    counts.running--;
    return 'blockerIds' in parameters ? [] : rowsOf(statement, parameters);
  };
  return { unread: createUnread({ read } as unknown as Database), counts };
}

/** Members of channels, each with one of the numbers of members. */
function membersOf(sizes: readonly number[]): (ChannelOfUser & { seenSeq: number })[] {
  return sizes.flatMap((size, channel) =>
    Array.from({ length: size }, (_, n) => ({ channelId: `channel ${channel}`, userId: `user ${n}`, seenSeq: 1 })),
  );
}

test('counts in many channels take one small statement after another', async () => {
  const { unread, counts } = setUp();
  const members = membersOf([...new Array(120).fill(1), 40, 2, 30]);
  const found = await unread.unreadCounts(members, 'rounds');
  expect(new Set(found.map(({ channelId, userId }) => `${channelId} ${userId}`)).size).toBe(members.length);
  expect(found.every(({ count, seenSeq }) => count === 1 && seenSeq === 1)).toBe(true);
  expect(counts).toMatchObject({ statements: 3 + 2 * 2, mostRunning: 1, mostPairs: 50 });
});
