import type { Ticket } from './state.ts';

/** A place in the queue. Times are in epoch milliseconds. */
export interface Waiting {
  ticket: Ticket;
  /** Raised with every entry: the lowest has waited longest. */
  order: number;
  enteredAt: number;
  expiresAt: number;
  /** End of each lease to follow this place, by node. */
  followers: Map<string, number>;
  /** Set when the last follower has gone: nobody is paired with it until it is entered again. */
  isPassedOver: boolean;
}

/**
 * Creates the places of the queue within this process, and the rule by which two of them are paired. Expired places are never
 * returned.
 * @param now returns epoch milliseconds
 */
export function createPairing(now: () => number) {
  /** By user, in order of entry. */
  const queue = new Map<string, Waiting>();
  /** Users in order of entry, by tag; users without tags are under null. */
  const byTag = new Map<string | null, Set<string>>();
  let entries = 0;

  return {
    /** Number of places, expired ones included. */
    size: () => queue.size,
    /** Returns a user's place. */
    find: (userId: string): Waiting | undefined => valid(queue.get(userId)),
    place,
    unfollow,
    findPartner,
    remove,
    /** Removes expired places. */
    sweep(): void {
      for (const [userId, one] of queue) if (!valid(one)) remove(userId);
    },
  };

  /** Takes a place, or renews it: a user who has one keeps its id and order. @param nodeId the node that follows it, if any */
  function place(ticket: Ticket, leaseMs: number, nodeId: string | undefined): Waiting {
    const present = valid(queue.get(ticket.userId));
    if (present === undefined) remove(ticket.userId);
    const placed = {
      ticket: { ...ticket, id: present?.ticket.id ?? ticket.id },
      order: present?.order ?? ++entries,
      enteredAt: present?.enteredAt ?? now(),
      expiresAt: now() + leaseMs,
      followers: present?.followers ?? new Map<string, number>(),
      isPassedOver: false,
    };
    if (nodeId !== undefined) placed.followers.set(nodeId, placed.expiresAt);
    queue.set(ticket.userId, placed);
    reindex(ticket.userId, present ? indexKeys(present.ticket) : [], indexKeys(ticket));
    return placed;
  }

  /** Ends a node's lease to follow a user's place. Without any other, the place is passed over, and ends after `returnMs`. */
  function unfollow(nodeId: string, userId: string, returnMs: number): void {
    const present = valid(queue.get(userId));
    if (present === undefined) return;
    present.followers.delete(nodeId);
    if ([...present.followers.values()].some((end) => end > now())) return;
    present.isPassedOver = true;
    present.expiresAt = Math.min(present.expiresAt, now() + returnMs);
  }

  /** Returns the partner to pair with: sharing a tag if possible, else without where that is acceptable. */
  function findPartner(own: Waiting, relaxMs: number): Waiting | undefined {
    const sharing = own.ticket.tags.map((tag) => firstSuitable(byTag.get(tag) ?? [], own));
    const shared = sharing.filter((one) => one !== undefined).sort((a, b) => a.order - b.order)[0];
    if (shared || own.ticket.strict) return shared;
    const relaxed = (one: Waiting) => one.enteredAt <= now() - relaxMs;
    const anyone = firstSuitable(queue.keys(), own, relaxed(own) ? () => true : relaxed);
    return anyone ?? (own.ticket.tags.length === 0 ? firstSuitable(byTag.get(null) ?? [], own, () => true) : undefined);
  }

  /**
   * Returns the first suitable place in order.
   * @param goesOn ends the search at the first place for which it fails; strict places are then passed over
   */
  function firstSuitable(
    userIds: Iterable<string>,
    own: Waiting,
    goesOn?: (one: Waiting) => boolean,
  ): Waiting | undefined {
    for (const userId of userIds) {
      const one = valid(queue.get(userId));
      if (one === undefined || one.isPassedOver) continue;
      if (goesOn && !goesOn(one)) return undefined;
      if (areSuitable(own.ticket, one.ticket) && !(goesOn && one.ticket.strict)) return one;
    }
    return undefined;
  }

  function remove(userId: string): void {
    const present = queue.get(userId);
    if (present) reindex(userId, indexKeys(present.ticket), []);
    queue.delete(userId);
  }

  /** Moves a user from some tags to others. In the order of a tag that stays, the user keeps the place. */
  function reindex(userId: string, from: readonly (string | null)[], to: readonly (string | null)[]): void {
    for (const key of from) {
      if (to.includes(key)) continue;
      byTag.get(key)?.delete(userId);
      if (byTag.get(key)?.size === 0) byTag.delete(key);
    }
    for (const key of to) if (!from.includes(key)) index(userId, key);
  }

  function index(userId: string, key: string | null): void {
    const order = (one: string) => queue.get(one)?.order ?? 0;
    const present = (byTag.get(key) ?? new Set()).add(userId);
    const isLast = order(userId) === entries;
    byTag.set(key, isLast ? present : new Set([...present].sort((a, b) => order(a) - order(b))));
  }

  function valid(one: Waiting | undefined): Waiting | undefined {
    return one && one.expiresAt > now() ? one : undefined;
  }
}

/** Returns the keys of `byTag` under which a ticket is found. */
function indexKeys({ tags }: Ticket): readonly (string | null)[] {
  return tags.length === 0 ? [null] : tags;
}

function areSuitable(a: Ticket, b: Ticket): boolean {
  return a.userId !== b.userId && !a.avoid.includes(b.userId) && !b.avoid.includes(a.userId);
}
