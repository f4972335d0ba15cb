import type { User } from '../../prisma/generated/client.ts';
import { BadUserInputError, ConflictError, NotFoundError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, uuid } from '../infra/database/types.ts';
import { isSystemUser } from '../system-user.ts';
import type { Viewer } from './auth.ts';
import type { Blocks } from './blocks.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';

/** Maximum number of users whom one user can block. */
export const maxBlocked = 1_000;

/** Ids of two users; the first may have blocked the second. */
export interface BlockPair {
  blockerId: string;
  blockedId: string;
}

/** Creates the moderation between users: blocks. */
export function createModeration(options: {
  database: Database;
  blocks: Pick<Blocks, 'publishChange'>;
  rateLimits: RateLimits;
  securityLog: SecurityLog;
}) {
  const { blocks, securityLog } = options;
  const { prisma, query } = options.database;
  const changes = options.rateLimits.shared('blocks', rates.blocks);

  return {
    /**
     * Blocks a user: the viewer no longer gets that user's messages, live or in histories, the two are never matched, and neither
     * can invite the other or write in their direct channel. Repeated calls are harmless.
     */
    async block(viewer: Viewer, otherId: string): Promise<User> {
      const user = await requireOther(viewer, otherId);
      const found = await query(insertBlock, { blockerId: viewer.userId, blockedId: otherId, maxBlocked });
      if (found.length === 0)
        throw new ConflictError(`You have blocked ${maxBlocked} users, which is the maximum. Unblock some first.`);
      securityLog.write('user_blocked', { userId: viewer.userId, targetId: otherId }, viewer.origin);
      await blocks.publishChange(viewer.userId);
      return user;
    },

    /** Ends a block; the messages that were left out are in the history again. */
    async unblock(viewer: Viewer, otherId: string): Promise<User> {
      const user = await requireOther(viewer, otherId);
      await prisma.block.deleteMany({ where: { blockerId: viewer.userId, blockedId: otherId } });
      securityLog.write('user_unblocked', { userId: viewer.userId, targetId: otherId }, viewer.origin);
      await blocks.publishChange(viewer.userId);
      return user;
    },

    /** Returns the users whom a user has blocked, latest first. */
    async blockedBy(userId: string): Promise<User[]> {
      const orderBy = [{ createdAt: 'desc' }, { blockedId: 'asc' }] as const;
      const rows = await prisma.block.findMany({
        where: { blockerId: userId },
        orderBy: [...orderBy],
        include: { blocked: true },
        take: maxBlocked,
      });
      return rows.map(({ blocked }) => blocked);
    },

    blocksAmong,

    /** Returns whether one of two users has blocked the other. */
    async areBlocked(one: string, other: string): Promise<boolean> {
      const pairs = [
        { blockerId: one, blockedId: other },
        { blockerId: other, blockedId: one },
      ];
      return (await blocksAmong(pairs)).length > 0;
    },

    /** Returns the ids of the users who have blocked a user, or whom the user has blocked. */
    async eitherWay(userId: string): Promise<string[]> {
      const rows = await query(selectBlockedEitherWay, { userId });
      return rows.map((row) => row.userId);
    },
  };

  /** Returns the blocks that exist among these, in no order. */
  function blocksAmong(pairs: readonly BlockPair[]): Promise<BlockPair[]> {
    return query(selectBlocks, {
      blockerIds: pairs.map(({ blockerId }) => blockerId),
      blockedIds: pairs.map(({ blockedId }) => blockedId),
    });
  }

  async function requireOther({ userId }: Viewer, otherId: string): Promise<User> {
    if (otherId === userId) throw new BadUserInputError([{ path: 'userId', message: 'must not be your own id' }]);
    await changes.take(userId);
    const user = await prisma.user.findUnique({ where: { id: otherId } });
    if (user === null || isSystemUser(otherId)) throw new NotFoundError('User not found.');
    return user;
  }
}

export type Moderation = ReturnType<typeof createModeration>;

const insertBlock = statement({
  sql: `
    WITH added AS (
      INSERT INTO block (blocker_id, blocked_id, created_at)
      SELECT $blockerId, $blockedId, now()
      WHERE (SELECT count(*) FROM block b WHERE b.blocker_id = $blockerId) < $maxBlocked
      ON CONFLICT DO NOTHING RETURNING 1)
    SELECT FROM added UNION ALL SELECT FROM block b WHERE b.blocker_id = $blockerId AND b.blocked_id = $blockedId`,
  parameters: { blockerId: uuid, blockedId: uuid, maxBlocked: int4 },
});

const block = columns(tables.block, 'b', ['blockerId', 'blockedId']);

const selectBlocks = statement({
  sql: `
    SELECT ${block.list} FROM unnest($blockerIds, $blockedIds) AS w(blocker_id, blocked_id)
    JOIN block b ON b.blocker_id = w.blocker_id AND b.blocked_id = w.blocked_id`,
  parameters: { blockerIds: arrayOf(uuid), blockedIds: arrayOf(uuid) },
  row: block.row,
});

const selectBlockedEitherWay = statement({
  sql: `
    SELECT b.blocked_id AS "userId" FROM block b WHERE b.blocker_id = $userId
    UNION SELECT b.blocker_id FROM block b WHERE b.blocked_id = $userId`,
  parameters: { userId: uuid },
  row: { userId: uuid },
});
