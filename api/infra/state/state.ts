/** A place in the queue of users who look for a stranger. */
export interface Ticket {
  /** Random id, which is also the id of the user's `Match`. */
  id: string;
  userId: string;
  /** Lower case, distinct. */
  tags: readonly string[];
  /** Accept only a partner who shares a tag. */
  strict: boolean;
  /** Ids of users never to pair with: the latest partners, and users blocked in either direction. */
  avoid: readonly string[];
}

/** Result of entering the queue. */
export type TicketState =
  /** In the queue, until `expiresAt` (epoch milliseconds) unless renewed. */
  | { status: 'waiting'; ticket: Ticket; expiresAt: number }
  /** Paired with `partner` and out of the queue; both users get this state until `acknowledge`, or for a few seconds. */
  | { status: 'paired'; ticket: Ticket; partner: Ticket }
  /** Given up by `leave`: clients that still renew the ticket must stop. */
  | { status: 'left' };

/**
 * The queue. Every operation is atomic among all processes: a user has at most one ticket, a ticket is in at most one
 * pair, and no user is paired with an expired ticket, with themselves, or with a user whom either side avoids.
 */
export interface Tickets {
  /**
   * Takes a place or renews it, and tries to pair. A user who has a ticket keeps its id and its time of entry; tags,
   * strictness and `avoid` become those given. Partners with a shared tag come first, longest waiting first; one without
   * is accepted when neither is strict and either has waited `relaxMs`, or neither has a tag. A ticket that was given up
   * does not enter again.
   * @param nodeId the node, if it enters because it follows the place: it then has a lease of its own, of `leaseMs` too
   */
  enter(ticket: Ticket, times: { leaseMs: number; relaxMs: number }, nodeId?: string): Promise<TicketState>;
  /**
   * Ends a node's leases to follow the places of users. Where no other node has one, the place is passed over from now on, and
   * ends after `returnMs` unless it is entered again before.
   */
  unfollow(nodeId: string, userIds: readonly string[], returnMs: number): Promise<void>;
  /** Returns the places or pairs of users, in their order; null for a user who has neither. */
  find(userIds: readonly string[]): Promise<(Exclude<TicketState, { status: 'left' }> | null)[]>;
  /** Removes the user from the queue and returns the ticket, which then counts as given up for a minute; null without one. */
  leave(userId: string): Promise<Ticket | null>;
  /** Forgets the pairs of these tickets, once they are matched or cannot be: their users may enter the queue again. */
  acknowledge(ticketIds: readonly string[]): Promise<void>;
}

/** Presence of users: a lease for each user and node with a live connection, on one clock. */
export interface Presence {
  /**
   * Renews the leases of a node's users for `leaseMs`, and ends expired leases of any node.
   * @returns users who came online and users who went offline by this call
   */
  renew(nodeId: string, userIds: readonly string[], leaseMs: number): Promise<{ online: string[]; offline: string[] }>;
  /** Ends a node's leases of users; returns those of them who have no other. */
  end(nodeId: string, userIds: readonly string[]): Promise<string[]>;
  /** Returns the online users among these. */
  online(userIds: readonly string[]): Promise<Set<string>>;
  /**
   * Returns the number of milliseconds for which each user has been away, at least 1; 0 when online. For an unknown user the
   * clock starts with this call.
   */
  away(userIds: readonly string[]): Promise<Map<string, number>>;
  /** Notes a sign of life of a user who may have no connection: an absence starts again from now. */
  seen(userId: string): Promise<void>;
}

/** Rate limits, counted over all processes; while the service is away, in this process only. */
export interface Limits {
  /**
   * Takes points, one if left out, of the `rate.points` that `key` has in each window of `windowMs` milliseconds: all or
   * none of them.
   * @returns 0 when there were enough, else the number of milliseconds until the next window
   */
  take(key: string, rate: { points: number; windowMs: number }, points?: number): Promise<number>;
}

/** Maximum total size of the automatically persisted queries, in bytes: in each process, and in Redis. */
export const maxPersistedBytes = 4_194_304;

/**
 * Automatically persisted queries (APQ): texts of operations that clients have registered by their SHA-256. A cache of
 * `maxPersistedBytes`: the least recently used texts leave it.
 */
export interface PersistedQueries {
  /** Returns the text with this hash; null if it is not known, or no longer. */
  find(hash: string): Promise<string | null>;
  /** Adds a text. The caller has compared it with its hash. */
  add(hash: string, text: string): Promise<void>;
}

/** Thrown when the service that holds the state is away or slow. The operation may have happened; a retry is harmless. */
export class StateUnavailableError extends Error {
  override readonly name = 'StateUnavailableError';
}

/**
 * State that processes share but do not keep. It may lose its data at any time: the database is the truth. While it cannot
 * be reached, everything except `limits` rejects with `StateUnavailableError`, within a bounded time.
 */
export interface State {
  tickets: Tickets;
  presence: Presence;
  limits: Limits;
  persistedQueries: PersistedQueries;
  /** Rejects when the service cannot be reached. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}
