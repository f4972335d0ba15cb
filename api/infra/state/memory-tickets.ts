import type { Ticket, TicketState, Tickets } from './state.ts';

interface Waiting {
  ticket: Ticket;
  /** Raised with every entry: the lowest has waited longest. */
  order: number;
  enteredAt: number;
  expiresAt: number;
}

interface Paired {
  ticket: Ticket;
  partner: Ticket;
  until: number;
}

/** Milliseconds for which a pair is remembered unless it is acknowledged: longer than it takes to claim it. */
const pairedMs = 5_000;
/** Milliseconds for which a ticket counts as given up: longer than any client waits between renewals. */
const leftMs = 60_000;

/** Creates the queue within this process. @param now epoch milliseconds */
export function createMemoryTickets(now: () => number): Tickets {
  /** By user, in order of entry. */
  const queue = new Map<string, Waiting>();
  /** Users in order of entry, by tag; users without tags are under null. */
  const byTag = new Map<string | null, Set<string>>();
  const paired = new Map<string, Paired>();
  /** Times until which tickets count as given up, by ticket. */
  const left = new Map<string, number>();
  let operations = 0;
  let entries = 0;

  function place(ticket: Ticket, leaseMs: number): Waiting {
    const present = valid(queue.get(ticket.userId));
    if (present === undefined) remove(ticket.userId);
    const placed = {
      ticket: { ...ticket, id: present?.ticket.id ?? ticket.id },
      order: present?.order ?? ++entries,
      enteredAt: present?.enteredAt ?? now(),
      expiresAt: now() + leaseMs,
    };
    queue.set(ticket.userId, placed);
    reindex(ticket.userId, present ? indexKeys(present.ticket) : [], indexKeys(ticket));
    return placed;
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
      if (one === undefined) continue;
      if (goesOn && !goesOn(one)) return undefined;
      if (areSuitable(own.ticket, one.ticket) && !(goesOn && one.ticket.strict)) return one;
    }
    return undefined;
  }

  function pair(own: Waiting, other: Waiting): TicketState {
    const until = now() + pairedMs;
    for (const [one, partner] of [
      [own, other],
      [other, own],
    ] as const) {
      remove(one.ticket.userId);
      paired.set(one.ticket.userId, { ticket: one.ticket, partner: partner.ticket, until });
    }
    return { status: 'paired', ticket: own.ticket, partner: other.ticket };
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

  /** Forgets expired values, once in about as many operations as there are tickets. */
  function sweep(): void {
    if (++operations < queue.size + paired.size + left.size) return;
    operations = 0;
    for (const [userId, one] of queue) if (!valid(one)) remove(userId);
    for (const [userId, { until }] of paired) if (until <= now()) paired.delete(userId);
    for (const [ticketId, until] of left) if (until <= now()) left.delete(ticketId);
  }

  function stateOf(userId: string): Exclude<TicketState, { status: 'left' }> | null {
    const pair = paired.get(userId);
    if (pair && pair.until > now()) return { status: 'paired', ticket: pair.ticket, partner: pair.partner };
    const one = valid(queue.get(userId));
    return one ? { status: 'waiting', ticket: one.ticket, expiresAt: one.expiresAt } : null;
  }

  return {
    async enter(ticket, { leaseMs, relaxMs }) {
      sweep();
      if ((left.get(ticket.id) ?? 0) > now()) return { status: 'left' };
      const present = stateOf(ticket.userId);
      if (present?.status === 'paired') return present;
      const own = place(ticket, leaseMs);
      const other = findPartner(own, relaxMs);
      return other ? pair(own, other) : { status: 'waiting', ticket: own.ticket, expiresAt: own.expiresAt };
    },
    async find(userId) {
      return stateOf(userId);
    },
    async leave(userId) {
      const one = valid(queue.get(userId));
      remove(userId);
      if (one) left.set(one.ticket.id, now() + leftMs);
      return one?.ticket ?? null;
    },
    async acknowledge(ticketIds) {
      const ids = new Set(ticketIds);
      for (const [userId, { ticket }] of paired) if (ids.has(ticket.id)) paired.delete(userId);
    },
  };
}

/** Returns the keys of `byTag` under which a ticket is found. */
function indexKeys({ tags }: Ticket): readonly (string | null)[] {
  return tags.length === 0 ? [null] : tags;
}

function areSuitable(a: Ticket, b: Ticket): boolean {
  return a.userId !== b.userId && !a.avoid.includes(b.userId) && !b.avoid.includes(a.userId);
}
