/** A place in the queue of those who look for a stranger. */
export interface Ticket {
  /** Random; the id of the user's Match. */
  id: string;
  userId: string;
  /** Lower case, distinct. */
  tags: readonly string[];
  /** Only with somebody who shares a tag. */
  strict: boolean;
  /** User ids never to be paired with: the last partner, and whoever is blocked either way. */
  avoid: readonly string[];
}

/** What entering the queue came to. */
export type TicketState =
  /** In the queue, until `expiresAt` (epoch milliseconds) unless renewed. */
  | { status: 'waiting'; ticket: Ticket; expiresAt: number }
  /** Paired with `partner` and out of the queue; both users get this state until `acknowledge`, or for a few seconds. */
  | { status: 'paired'; ticket: Ticket; partner: Ticket }
  /** This ticket was given up by `leave`: whoever still renews it is to stop. */
  | { status: 'left' };

/**
 * The queue. Every operation is atomic among all processes: a user has at most one ticket, a ticket is in at most one
 * pair, and nobody is paired with an expired ticket, with themselves, or with somebody that either side avoids.
 */
export interface Tickets {
  /**
   * Takes a place or renews it, and tries to pair. A user who has a ticket keeps its id and its time of entry; tags,
   * strictness and `avoid` become those given. Partners with a shared tag come first, longest waiting first; one without
   * is taken when neither is strict and either has waited `relaxMs`, or neither has a tag. A ticket that was given up is
   * not taken again.
   */
  enter(ticket: Ticket, times: { leaseMs: number; relaxMs: number }): Promise<TicketState>;
  /** The user's ticket and when it ends, or null. */
  find(userId: string): Promise<Exclude<TicketState, { status: 'left' }> | null>;
  /** Takes the user out of the queue; answers the ticket, or null when there was none waiting. It is remembered for a minute. */
  leave(userId: string): Promise<Ticket | null>;
  /** Forgets the pairs of these tickets, once they are matched or cannot be: their users may enter the queue again. */
  acknowledge(ticketIds: readonly string[]): Promise<void>;
}

/** Who has a live connection: a lease for each user and node, on one clock. */
export interface Presence {
  /**
   * Renews the leases of a node's users for `leaseMs`, and ends those that ran out anywhere.
   * @returns users who came online and users who went offline by this call
   */
  renew(nodeId: string, userIds: readonly string[], leaseMs: number): Promise<{ online: string[]; offline: string[] }>;
  /** Ends a node's lease of a user; true when the user has no other. */
  end(nodeId: string, userId: string): Promise<boolean>;
  /** Those of the users who are online. */
  online(userIds: readonly string[]): Promise<Set<string>>;
  /**
   * For how many milliseconds each of the users has been away; 0 when online. For one of whom nothing is known the clock
   * starts with this call.
   */
  away(userIds: readonly string[]): Promise<Map<string, number>>;
}

/** Rates, counted over all processes; while the service is away, in this process alone. */
export interface Limits {
  /**
   * Takes one of `points` that `key` has for each `windowMs`.
   * @returns 0 when there was one, else the milliseconds until there is
   */
  take(key: string, rate: { points: number; windowMs: number }): Promise<number>;
}

/** The service that holds the state is away or slow. What was asked may have been done; asking again is harmless. */
export class StateUnavailableError extends Error {
  override readonly name = 'StateUnavailableError';
}

/**
 * What is shared between processes but not kept. It may be emptied at any time: the database is the truth. While it cannot
 * be reached all of it but `limits` rejects with `StateUnavailableError`, within a bounded time.
 */
export interface State {
  tickets: Tickets;
  presence: Presence;
  limits: Limits;
  /** Rejects when the service cannot be reached. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}
