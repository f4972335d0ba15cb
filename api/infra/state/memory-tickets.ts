import { createPairing, type Waiting } from './memory-pairing.ts';
import type { Ticket, TicketState, Tickets } from './state.ts';

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
  const places = createPairing(now);
  const paired = new Map<string, Paired>();
  /** Times until which tickets count as given up, by ticket. */
  const left = new Map<string, number>();
  let operations = 0;

  return {
    async enter(ticket, { leaseMs, relaxMs }, nodeId) {
      sweep();
      if ((left.get(ticket.id) ?? 0) > now()) return { status: 'left' };
      const present = stateOf(ticket.userId);
      if (present?.status === 'paired') return present;
      const own = places.place(ticket, leaseMs, nodeId);
      const other = places.findPartner(own, relaxMs);
      return other ? pair(own, other) : { status: 'waiting', ticket: own.ticket, expiresAt: own.expiresAt };
    },
    async unfollow(nodeId, userIds, returnMs) {
      for (const userId of userIds) places.unfollow(nodeId, userId, returnMs);
    },
    async find(userIds) {
      return userIds.map(stateOf);
    },
    async leave(userId) {
      const place = places.find(userId);
      places.remove(userId);
      if (place) left.set(place.ticket.id, now() + leftMs);
      return place?.ticket ?? null;
    },
    async acknowledge(ticketIds) {
      const ids = new Set(ticketIds);
      for (const [userId, { ticket }] of paired) if (ids.has(ticket.id)) paired.delete(userId);
    },
  };

  /** Forgets expired values, once in about as many operations as there are tickets. */
  function sweep(): void {
    if (++operations < places.size() + paired.size + left.size) return;
    operations = 0;
    places.sweep();
    for (const [userId, { until }] of paired) if (until <= now()) paired.delete(userId);
    for (const [ticketId, until] of left) if (until <= now()) left.delete(ticketId);
  }

  function stateOf(userId: string): Exclude<TicketState, { status: 'left' }> | null {
    const pair = paired.get(userId);
    if (pair && pair.until > now()) return { status: 'paired', ticket: pair.ticket, partner: pair.partner };
    const place = places.find(userId);
    return place ? { status: 'waiting', ticket: place.ticket, expiresAt: place.expiresAt } : null;
  }

  function pair(own: Waiting, other: Waiting): TicketState {
    const until = now() + pairedMs;
    for (const [one, partner] of [
      [own, other],
      [other, own],
    ] as const) {
      places.remove(one.ticket.userId);
      paired.set(one.ticket.userId, { ticket: one.ticket, partner: partner.ticket, until });
    }
    return { status: 'paired', ticket: own.ticket, partner: other.ticket };
  }
}
