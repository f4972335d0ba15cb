/** A user's place in the matching queue. */
export interface Ticket {
  /** Random UUID; becomes the id of the user's match. */
  id: string;
  userId: string;
  /** Lower-case tags without duplicates. */
  tags: readonly string[];
  /** Whether to pair only with a user who shares a tag. */
  strict: boolean;
  /** Ids of users never to pair with: the last partner, and users blocked in either direction. */
  avoid: readonly string[];
}

/** State of a user in the queue. */
export type TicketState =
  /** In the queue until `expiresAt` (epoch milliseconds), unless renewed. */
  | { status: 'waiting'; ticket: Ticket; expiresAt: number }
  /** Taken out of the queue together with `partner`. Renewals of both tickets return this until `settle`, or for a few seconds. */
  | { status: 'paired'; ticket: Ticket; partner: Ticket }
  /** The ticket was given up by `leave`: stop renewing it. */
  | { status: 'left' };

/**
 * The matching queue. Every operation is atomic over all processes: a user has at most one ticket, a ticket is in at most one
 * pair, and nobody is paired with an expired ticket, with themselves, or with a user that either side avoids.
 */
export interface Tickets {
  /**
   * Enters the queue or renews the place, and tries to pair. A user who has a ticket keeps its id and time of entry; tags,
   * `strict` and `avoid` are replaced. Pairing prefers partners who share a tag, longest waiting first. A partner without a
   * shared tag is accepted if neither is strict and either has waited `relaxMs`, or if neither has tags. A ticket that was
   * given up cannot enter again.
   */
  enter(ticket: Ticket, times: { leaseMs: number; relaxMs: number }): Promise<TicketState>;
  /** Returns the state of the user's ticket; null if the user has none. */
  find(userId: string): Promise<Exclude<TicketState, { status: 'left' }> | null>;
  /** Removes the user from the queue and remembers that for a minute. Returns the ticket; null if none was waiting. */
  leave(userId: string): Promise<Ticket | null>;
  /** Forgets that these tickets were paired, so that their users can enter the queue again. */
  settle(ticketIds: readonly string[]): Promise<void>;
}

/** Presence of users: one lease per user and node, on one clock. */
export interface Presence {
  /**
   * Renews the leases of a node's users for `leaseMs`, and ends expired leases of all nodes.
   * @returns users who came online and users who went offline by this call
   */
  renew(nodeId: string, userIds: readonly string[], leaseMs: number): Promise<{ online: string[]; offline: string[] }>;
  /** Ends a node's lease of a user. Returns true if the user has no other lease. */
  end(nodeId: string, userId: string): Promise<boolean>;
  /** Returns the given users who are online. */
  online(userIds: readonly string[]): Promise<Set<string>>;
  /**
   * Returns for each user the milliseconds since the last lease ended; 0 if online. For an unknown user the time starts with
   * this call.
   */
  away(userIds: readonly string[]): Promise<Map<string, number>>;
}

/** Rate limits, counted over all processes; while the service is away, in this process only. */
export interface Limits {
  /**
   * Takes one of the `points` that `key` has per `windowMs`.
   * @returns 0 if there was one, else the milliseconds until the next
   */
  take(key: string, rate: { points: number; windowMs: number }): Promise<number>;
}

/** Thrown when the service that holds the state is away or slow. The operation may have run; repeating it is harmless. */
export class StateUnavailableError extends Error {
  override readonly name = 'StateUnavailableError';
}

/**
 * State that processes share and that may be lost at any time: the database is the source of truth. While the service cannot be
 * reached, all operations but those of `limits` reject with `StateUnavailableError`, within a bounded time.
 */
export interface State {
  tickets: Tickets;
  presence: Presence;
  limits: Limits;
  /** Rejects if the service cannot be reached. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}
