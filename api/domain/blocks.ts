import { batched } from '../batched.ts';
import { userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { UserListener, UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';

/** The users that one user has blocked, kept up to date until it is released. */
export interface BlockList {
  /** Returns whether the user is blocked. */
  has(userId: string): boolean;
  /** Must be called once the list is no longer needed. */
  release(): void;
}

interface SharedList {
  blocked: ReadonlySet<string>;
  loaded: Promise<void>;
  references: number;
}

const nobody: ReadonlySet<string> = new Set();

/**
 * Keeps the block lists of the users who follow something on this node in memory: live delivery consults one for every
 * entry and cannot wait for the database. Changes are published as signals of the user.
 */
export function createBlocks(options: {
  database: Pick<Database, 'query'>;
  pubsub: Pick<PubSub, 'publish'>;
  userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
  logger: Logger;
}) {
  const { database, pubsub, userSignals, logger } = options;
  const lists = new Map<string, SharedList>();
  const read = batched(readBlocked);
  const listener: UserListener = {
    onSignal(userId, { type }) {
      if (type === 'blocks') void reloadSafely(userId);
    },
    async verify(userIds) {
      await Promise.all(userIds.map(reload));
    },
  };

  return {
    /** Loads a user's block list, shared with every other holder. Each list must be released. */
    async acquire(userId: string): Promise<BlockList> {
      const list = lists.get(userId) ?? open(userId);
      list.references++;
      try {
        await list.loaded;
      } catch (error) {
        release(userId, list);
        throw error;
      }
      let isHeld = true;
      return {
        has: (other) => list.blocked.has(other),
        release() {
          if (isHeld) release(userId, list);
          isHeld = false;
        },
      };
    },
    /** Tells every node that a user's blocks changed; this node has reloaded them when it resolves. Never rejects. */
    async publishChange(userId: string): Promise<void> {
      await reloadSafely(userId);
      await publishSignal({ pubsub, logger }, userTopic(userId), { type: 'blocks' });
    },
  };

  function open(userId: string): SharedList {
    const list: SharedList = { blocked: nobody, loaded: Promise.resolve(), references: 0 };
    lists.set(userId, list);
    list.loaded = load(userId);
    return list;
  }

  function release(userId: string, list: SharedList): void {
    list.references--;
    if (list.references > 0 || lists.get(userId) !== list) return;
    lists.delete(userId);
    userSignals.unfollow(userId, listener);
  }

  /** Follows the user first, so that no change is missed. */
  async function load(userId: string): Promise<void> {
    await userSignals.follow(userId, listener);
    await reload(userId);
  }

  /** Reloads are batched one after another, so that an older state never replaces a newer one. */
  async function reload(userId: string): Promise<void> {
    const blocked = await read(userId);
    const list = lists.get(userId);
    if (list) list.blocked = blocked;
  }

  async function reloadSafely(userId: string): Promise<void> {
    if (!lists.has(userId)) return;
    await reload(userId).catch((error: unknown) => {
      logger.warn({ error }, 'blocks could not be reloaded; the next check tries again');
    });
  }

  async function readBlocked(userIds: readonly string[]): Promise<ReadonlySet<string>[]> {
    const rows = await database.query(selectBlocked, { userIds });
    const found = new Map(rows.map(({ blockerId, blockedIds }) => [blockerId, new Set(blockedIds)]));
    return userIds.map((userId) => found.get(userId) ?? nobody);
  }
}

/** The block lists of a node, made by `createBlocks`. */
export type Blocks = ReturnType<typeof createBlocks>;
const blocker = columns(tables.block, 'b', ['blockerId']);

const selectBlocked = statement({
  sql: `
    SELECT ${blocker.list}, array_agg(b.blocked_id) AS "blockedIds" FROM block b
    WHERE b.blocker_id = ANY($userIds) GROUP BY b.blocker_id`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...blocker.row, blockedIds: arrayOf(tables.block.columns.blockedId) },
});
