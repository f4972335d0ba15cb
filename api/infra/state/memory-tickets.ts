import type { Ticket, TicketState, Tickets } from './state.ts';

interface Waiting {
  ticket: Ticket;
  /** Incremented with every entry: the lowest has waited longest. */
  order: number;
  enteredAt: number;
  expiresAt: number;
}

interface Paired {
  ticket: Ticket;
  partner: Ticket;
  until: number;
}

/** Milliseconds for which a pair is remembered unless settled: longer than claiming it takes. */
const pairedMs = 5_000;
/** Milliseconds for which a given-up ticket is remembered: longer than the interval of renewals. */
const leftMs = 60_000;

/** Creates the matching queue within this process. */
export function createMemoryTickets(now: () => number): Tickets {
  /** Waiting tickets by user, in order of entry. */
  const queue = new Map<string, Waiting>();
  /** Users by tag, in order of entry; users without tags are under null. */
  const byTag = new Map<string | null, Set<string>>();
  const paired = new Map<string, Paired>();
  /** Given-up tickets, each with the time until which it is remembered. */
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

  /** The pairing rule: a partner with a shared tag, else one that is acceptable without. */
  function findPartner(own: Waiting, relaxMs: number): Waiting | undefined {
    const sharing = own.ticket.tags.map((tag) => firstMatch(byTag.get(tag) ?? [], own));
    const shared = sharing.filter((one) => one !== undefined).sort((a, b) => a.order - b.order)[0];
    if (shared || own.ticket.strict) return shared;
    const relaxed = (one: Waiting) => one.enteredAt <= now() - relaxMs;
    const anyone = firstMatch(queue.keys(), own, relaxed(own) ? () => true : relaxed);
    return anyone ?? (own.ticket.tags.length === 0 ? firstMatch(byTag.get(null) ?? [], own, () => true) : undefined);
  }

  /**
   * Returns the first match in order of entry.
   * @param mayContinue ends the search when it returns false; if given, strict tickets are skipped
   */
  function firstMatch(
    userIds: Iterable<string>,
    own: Waiting,
    mayContinue?: (one: Waiting) => boolean,
  ): Waiting | undefined {
    for (const userId of userIds) {
      const one = valid(queue.get(userId));
      if (one === undefined) continue;
      if (mayContinue && !mayContinue(one)) return undefined;
      if (canMeet(own.ticket, one.ticket) && !(mayContinue && one.ticket.strict)) return one;
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

  /** Moves a user from some tags to others. The user keeps the place under tags that stay. */
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

  /** Removes expired tickets, once in about as many operations as there are tickets. */
  function sweep(): void {
    if (++operations < queue.size + paired.size + left.size) return;
    operations = 0;
    for (const [userId, one] of queue) if (!valid(one)) remove(userId);
    for (const [userId, { until }] of paired) if (until <= now()) paired.delete(userId);
    for (const [ticketId, until] of left) if (until <= now()) left.delete(ticketId);
  }

  function stateOf(userId: string): Exclude<TicketState, { status: 'left' }> | null {
    const pairing = paired.get(userId);
    if (pairing && pairing.until > now()) return { status: 'paired', ticket: pairing.ticket, partner: pairing.partner };
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
    async settle(ticketIds) {
      const ids = new Set(ticketIds);
      for (const [userId, { ticket }] of paired) if (ids.has(ticket.id)) paired.delete(userId);
    },
  };
}

/** Returns the keys under which a ticket is indexed. */
function indexKeys({ tags }: Ticket): readonly (string | null)[] {
  return tags.length === 0 ? [null] : tags;
}

function canMeet(a: Ticket, b: Ticket): boolean {
  return a.userId !== b.userId && !a.avoid.includes(b.userId) && !b.avoid.includes(a.userId);
}
