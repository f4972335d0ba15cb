import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type BlockList, type Blocks, createBlocks } from '../../api/domain/blocks.ts';
import { userTopic } from '../../api/events.ts';
import type { Query } from '../../api/infra/database/database.ts';
import type { UserSignals } from '../../api/live/user-signals.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub, type Fate } from '../support/lossy-pubsub.ts';
import { createTestUserSignals } from '../support/signals.ts';

const everyMs = 10_000;

/** The blocked user of each blocker, as in the database. */
const stored = new Map<string, string>();
let fate: Fate;
let pubsub: ReturnType<typeof createLossyPubSub>;
let userSignals: UserSignals;
let blocks: Blocks;
let list: BlockList;

const read = vi.fn(async (_statement: unknown, { userIds }: { userIds: string[] }) =>
  userIds.flatMap((blockerId) => {
    const blockedId = stored.get(blockerId);
    return blockedId === undefined ? [] : [{ blockerId, blockedIds: [blockedId] }];
  }),
);

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  read.mockClear();
  stored.clear();
  fate = 'deliver';
  pubsub = createLossyPubSub(() => fate);
  const query = read as unknown as Query;
  userSignals = createTestUserSignals(pubsub, { everyMs });
  blocks = createBlocks({ database: { query }, pubsub, userSignals, logger: createTestLogger() });
  await userSignals.start();
  list = await blocks.acquire('ada');
});
afterEach(async () => {
  list.release();
  await userSignals.stop();
  vi.useRealTimers();
});

/** Changes the database without a signal. */
function block(blockedId: string): void {
  stored.set('ada', blockedId);
}

describe('a block list', () => {
  test('follows the changes that another node publishes', async () => {
    expect(list.has('bob')).toBe(false);
    block('bob');
    await pubsub.publish(userTopic('ada'), { type: 'blocks' });
    await vi.waitFor(() => expect(list.has('bob')).toBe(true));
  });

  test('is up to date on the node that changed it, even if the signal is lost', async () => {
    fate = 'lose';
    block('bob');
    await blocks.publishChange('ada');
    expect(list.has('bob')).toBe(true);
  });

  test('is checked periodically, in case a signal is lost', async () => {
    block('bob');
    await vi.advanceTimersByTimeAsync(1.25 * everyMs);
    await vi.waitFor(() => expect(list.has('bob')).toBe(true));
  });

  test('is checked as soon as pubsub is back', async () => {
    block('bob');
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(250);
    await vi.waitFor(() => expect(list.has('bob')).toBe(true));
  });

  test('is loaded once for all its holders, and forgotten when the last one releases it', async () => {
    const second = await blocks.acquire('ada');
    expect(read).toHaveBeenCalledOnce();
    list.release();
    list.release();
    await blocks.publishChange('ada');
    expect(read).toHaveBeenCalledTimes(2);
    second.release();
    await blocks.publishChange('ada');
    expect(read).toHaveBeenCalledTimes(2);
  });
});
