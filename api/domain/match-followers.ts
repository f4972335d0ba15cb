import type { Alarm } from '../alarm.ts';
import { batched } from '../batched.ts';
import type { Tickets } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';

/**
 * Milliseconds for which a place in the queue is kept, passed over, after its last subscription has ended: long enough to reload
 * a page or to change the network, and so short that the place has gone within 2 s.
 */
export const returnMs = 1_800;

/**
 * Keeps the streams of this node that follow a match, by user. When a user's last one has ended, the node gives its lease of the
 * user's place up; a place that no other node follows then leaves the queue.
 */
export function createMatchFollowers(options: { tickets: Tickets; nodeId: string; logger: Logger }) {
  const { tickets, nodeId, logger } = options;
  /** Alarms of the streams of each user. */
  const alarms = new Map<string, Set<Alarm>>();
  /** Concurrent calls share a request to the state. */
  const unfollow = batched(async (userIds: readonly string[]) => {
    await tickets.unfollow(nodeId, userIds, returnMs);
    return userIds.map(() => null);
  });

  return {
    /** Number of users whose match is followed on this node. */
    size: () => alarms.size,
    ring,

    add(userId: string, alarm: Alarm): void {
      const ofUser = alarms.get(userId) ?? new Set();
      alarms.set(userId, ofUser.add(alarm));
    },

    /** Removes the alarm of a stream that has ended. @param looking its last look, which may still renew the place */
    remove(userId: string, alarm: Alarm, looking: Promise<unknown>): void {
      const ofUser = alarms.get(userId);
      ofUser?.delete(alarm);
      if (ofUser?.size !== 0) return;
      alarms.delete(userId);
      void looking.then(() => giveUp(userId));
    },
  };

  function ring(userId: string): void {
    for (const alarm of alarms.get(userId) ?? []) alarm.ring();
  }

  async function giveUp(userId: string): Promise<void> {
    if (alarms.has(userId)) return;
    try {
      await unfollow(userId);
      // A stream that was opened meanwhile may have renewed the place before that.
      ring(userId);
    } catch (error) {
      logger.warn({ error }, 'a place was not given up; its lease ends by itself');
    }
  }
}

/** See `createMatchFollowers`. */
export type MatchFollowers = ReturnType<typeof createMatchFollowers>;
