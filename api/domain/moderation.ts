import type { User } from '../../prisma/generated/client.ts';
import { BadUserInputError, ConflictError, NotFoundError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int4, uuid } from '../infra/database/types.ts';
import type { Viewer } from './auth.ts';
import type { Blocks } from './blocks.ts';
import type { RateLimit } from './rate-limits.ts';

/** How many one user may block. */
const maxBlocked = 1_000;

/** What users do about each other. */
export function createModeration(options: {
  database: Database;
  blocks: Pick<Blocks, 'tell'>;
  /** How often one viewer may block and unblock. */
  changeRate: RateLimit;
}) {
  const { blocks, changeRate } = options;
  const { prisma, query } = options.database;

  async function target({ userId }: Viewer, otherId: string): Promise<User> {
    if (otherId === userId) throw new BadUserInputError([{ path: 'userId', message: 'names yourself' }]);
    changeRate.take(userId);
    const user = await prisma.user.findUnique({ where: { id: otherId } });
    if (user === null) throw new NotFoundError('There is no such user.');
    return user;
  }

  return {
    /** Leaves out what somebody writes, live and in histories, and never matches the two. Again changes nothing. */
    async block(viewer: Viewer, otherId: string): Promise<User> {
      const user = await target(viewer, otherId);
      const found = await query(insertBlock, { blockerId: viewer.userId, blockedId: otherId, maxBlocked });
      if (found.length === 0) throw new ConflictError(`You have blocked ${maxBlocked} users: unblock some first.`);
      await blocks.tell(viewer.userId);
      return user;
    },

    /** Ends a block; what was left out is in the history again. */
    async unblock(viewer: Viewer, otherId: string): Promise<User> {
      const user = await target(viewer, otherId);
      await prisma.block.deleteMany({ where: { blockerId: viewer.userId, blockedId: otherId } });
      await blocks.tell(viewer.userId);
      return user;
    },

    /** All whom a user has blocked, the latest first. */
    async blockedBy(userId: string): Promise<User[]> {
      const orderBy = [{ createdAt: 'desc' }, { blockedId: 'asc' }] as const;
      const rows = await prisma.block.findMany({
        where: { blockerId: userId },
        orderBy: [...orderBy],
        include: { blocked: true },
      });
      return rows.map(({ blocked }) => blocked);
    },

    /** Which of these a user has blocked, in no order. */
    async blockedAmong(userId: string, otherIds: readonly string[]): Promise<string[]> {
      const where = { blockerId: userId, blockedId: { in: [...otherIds] } };
      const rows = await prisma.block.findMany({ where, select: { blockedId: true } });
      return rows.map(({ blockedId }) => blockedId);
    },

    /** Whoever has blocked a user or is blocked by that one. */
    async eitherWay(userId: string): Promise<string[]> {
      const rows = await query(selectBlockedEitherWay, { userId });
      return rows.map((row) => row.userId);
    },
  };
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

const selectBlockedEitherWay = statement({
  sql: `
    SELECT b.blocked_id AS "userId" FROM block b WHERE b.blocker_id = $userId
    UNION SELECT b.blocker_id FROM block b WHERE b.blocked_id = $userId`,
  parameters: { userId: uuid },
  row: { userId: uuid },
});
