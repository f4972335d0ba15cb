import { batched } from '../batched.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';

/** Whom somebody has blocked, kept up to date for as long as it is held. */
export interface HeldBlocks {
  has(userId: string): boolean;
  release(): void;
}

interface Held {
  blocked: ReadonlySet<string>;
  loaded: Promise<void>;
  holds: number;
}

const nobody: ReadonlySet<string> = new Set();
/** How often what is held is looked up, behind the signals, in milliseconds. */
const checkMs = 15_000;

/**
 * The blocks of those who follow something on this node: live delivery asks for every entry and cannot ask the database.
 * Changes are told by a signal, behind which all that is held is looked up every 15 s.
 */
export function createBlocks(options: { database: Pick<Database, 'query'>; pubsub: PubSub; logger: Logger }) {
  const { pubsub, logger } = options;
  const held = new Map<string, Held>();
  const read = batched(readBlocked(options.database));
  let unsubscribe: Unsubscribe | undefined;
  let unhook: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function load(userId: string): Promise<void> {
    const blocked = await read(userId);
    const one = held.get(userId);
    if (one) one.blocked = blocked;
  }

  function open(userId: string): Held {
    const one: Held = { blocked: nobody, loaded: Promise.resolve(), holds: 0 };
    held.set(userId, one);
    one.loaded = load(userId);
    return one;
  }

  function release(userId: string, one: Held): void {
    one.holds--;
    if (one.holds === 0 && held.get(userId) === one) held.delete(userId);
  }

  async function renew(userIds: Iterable<string>): Promise<void> {
    try {
      await Promise.all([...userIds].filter((userId) => held.has(userId)).map(load));
    } catch (error) {
      logger.warn({ error }, 'blocks could not be looked up; the next round tries again');
    }
  }

  return {
    /** Every hold is to be released. */
    async hold(userId: string): Promise<HeldBlocks> {
      const one = held.get(userId) ?? open(userId);
      one.holds++;
      try {
        await one.loaded;
      } catch (error) {
        release(userId, one);
        throw error;
      }
      let isHeld = true;
      return {
        has: (other) => one.blocked.has(other),
        release() {
          if (isHeld) release(userId, one);
          isHeld = false;
        },
      };
    },
    /** Tells every node that a user's blocks changed; this one knows when this resolves. */
    async tell(userId: string): Promise<void> {
      await renew([userId]);
      await pubsub.publish('blocks', userId).catch((error: unknown) => {
        logger.warn({ error }, 'a block was not signalled; nodes will find it when they look blocks up');
      });
    },
    async start(): Promise<void> {
      unsubscribe = await pubsub.subscribe('blocks', (userId) => void renew([userId]));
      unhook = pubsub.onReconnected(() => void renew(held.keys()));
      timer = setInterval(() => void renew(held.keys()), checkMs);
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      unhook?.();
      await unsubscribe?.();
    },
  };
}

export type Blocks = ReturnType<typeof createBlocks>;

function readBlocked({ query }: Pick<Database, 'query'>) {
  return async (userIds: readonly string[]): Promise<ReadonlySet<string>[]> => {
    const rows = await query(selectBlocked, { userIds });
    const found = new Map(rows.map(({ blockerId, blockedIds }) => [blockerId, new Set(blockedIds)]));
    return userIds.map((userId) => found.get(userId) ?? nobody);
  };
}

const blocker = columns(tables.block, 'b', ['blockerId']);

const selectBlocked = statement({
  sql: `
    SELECT ${blocker.list}, array_agg(b.blocked_id) AS "blockedIds" FROM block b
    WHERE b.blocker_id = ANY($userIds) GROUP BY b.blocker_id`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...blocker.row, blockedIds: arrayOf(tables.block.columns.blockedId) },
});
