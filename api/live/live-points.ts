import { RateLimitedError } from '../errors.ts';
import type { LiveSource, Positioned } from './live-source.ts';

/**
 * Maximum sums of points that executing the subscriptions of live sources may cost for each event. Subscriptions that share
 * an execution cost once.
 */
export interface LivePointBounds {
  /** Points of one client's subscriptions to one source. */
  perClientAndSource: number;
  /** Points of one client's subscriptions. */
  perClient: number;
  /** Points of all subscriptions to one source. */
  perSource: number;
  /** Points of all subscriptions of this process. */
  node: number;
}

/** The client of a subscription and the price of its selection. */
export interface Charge {
  /** The user, or the address without one. */
  client: string;
  /** Points of one event. */
  points: number;
}

/** The subscriptions that share one execution, as `LivePoints` counts them. */
export interface Share {
  /**
   * Counts one more subscription.
   * @param isPaid whether its points are charged to the client already, by `LivePoints.charge`
   * @returns a function that takes it back
   * @throws RateLimitedError if the client has twice the points that it could open shares with: otherwise it could take over
   *   those that others open, again and again
   */
  join(client: string, isPaid?: boolean): () => void;
}

interface Sums {
  total: number;
  ofClients: Map<string, number>;
}

/** The name of a bound, the sum that it bounds, and the message of its refusal. */
type Check = readonly [limit: string, present: number, bound: number, message: string];

/** Number of times that a client may have the points of its bounds by joining the shares of others. */
const factorOfJoined = 2;
/** Minimum points of a selection: each execution has a fixed cost. */
const minPoints = 20;

/**
 * Creates the counts of points that live subscriptions cost for each event, so that nobody can make events expensive without
 * a bound. A client is charged once for each execution that it has a part in, whether it shares it or not.
 * @param onRefused counts refusals by the name of their bound, for metrics
 */
export function createLivePoints(bounds: LivePointBounds, onRefused: (limit: string) => void) {
  const node = createSums();
  const bySource = new Map<LiveSource<Positioned>, Sums>();

  return {
    /** Returns the sum of points of all executions. */
    total: () => node.total,
    /**
     * Opens a share for an execution of its own, which lasts until its last subscription is taken back.
     * @param isPaid whether the points are charged to the client already, by `charge`: then the bound of the source alone holds
     * @throws RateLimitedError if the client, the source or the node has no points left
     */
    open(source: LiveSource<Positioned>, { client, points: price }: Charge, isPaid = false): Share {
      const points = Math.max(price, minPoints);
      const ofSource = bySource.get(source) ?? createSums();
      requireAll(isPaid ? sourceChecks(ofSource) : [...ownChecks(ofSource, client), ...commonChecks(ofSource)], points);
      bySource.set(source, ofSource);
      return createShare(points, [node, ofSource], {
        onJoin: (joining) => requireAll(ownChecks(ofSource, joining, factorOfJoined), points),
        onEmpty() {
          if (ofSource.total <= 0) bySource.delete(source);
        },
      });
    },
    /**
     * Charges a client for a subscription to something else, such as a list of channels. Its events are the client's own, so
     * they count against no other bound.
     * @returns a function that takes it back, and must be called once
     * @throws RateLimitedError if the client has no points left
     */
    charge({ client, points: price }: Charge): () => void {
      const points = Math.max(price, minPoints);
      requireAll([['live-points-of-user', node.ofClients.get(client) ?? 0, bounds.perClient, yours]], points);
      add(node.ofClients, client, points);
      return () => void add(node.ofClients, client, -points);
    },
  };

  /** @param factor the bounds of the client are as many times as high */
  function ownChecks(ofSource: Sums, client: string, factor = 1): Check[] {
    const ofChannel = ofSource.ofClients.get(client) ?? 0;
    return [
      ['live-points-of-user-and-channel', ofChannel, factor * bounds.perClientAndSource, yours],
      ['live-points-of-user', node.ofClients.get(client) ?? 0, factor * bounds.perClient, yours],
    ];
  }

  function commonChecks(ofSource: Sums): Check[] {
    return [...sourceChecks(ofSource), ['live-points', node.total, bounds.node, everybodys]];
  }

  function sourceChecks(ofSource: Sums): Check[] {
    return [['live-points-of-channel', ofSource.total, bounds.perSource, everybodys]];
  }

  function requireAll(checks: readonly Check[], points: number): void {
    for (const [limit, present, bound, message] of checks) {
      if (present + points <= bound) continue;
      onRefused(limit);
      throw new RateLimitedError(message, 1_000 + Math.floor(Math.random() * 4_000));
    }
  }
}

const yours =
  'Your live subscriptions would cost too much for each event: complete some of them, give them the same selection, or select fewer fields.';
const everybodys =
  'The live subscriptions of this channel or server cost too much for each event: use a selection that other clients have, or try again later.';

function createSums(): Sums {
  return { total: 0, ofClients: new Map() };
}

/**
 * @param options.onJoin called with each further client; it throws if the client is refused
 * @param options.onEmpty called when the last subscription was taken back
 */
function createShare(
  points: number,
  sums: readonly Sums[],
  { onJoin, onEmpty }: { onJoin(client: string): void; onEmpty(): void },
): Share {
  /** Number of subscriptions of each client. */
  const clients = new Map<string, number>();
  /** Number of subscriptions that count for no client. */
  let paid = 0;

  return { join: (client, isPaid = false) => (isPaid ? joinPaid() : join(client)) };

  function join(client: string): () => void {
    const count = clients.get(client) ?? 0;
    if (count === 0) onJoin(client);
    begin();
    clients.set(client, count + 1);
    if (count === 0) for (const { ofClients } of sums) add(ofClients, client, points);
    return () => {
      if (!add(clients, client, -1)) for (const { ofClients } of sums) add(ofClients, client, -points);
      end();
    };
  }

  function joinPaid(): () => void {
    begin();
    paid++;
    return () => {
      paid--;
      end();
    };
  }

  function begin(): void {
    if (clients.size === 0 && paid === 0) for (const sum of sums) sum.total += points;
  }

  function end(): void {
    if (clients.size > 0 || paid > 0) return;
    for (const sum of sums) sum.total -= points;
    onEmpty();
  }
}

/** Adds to a count, and returns the sum. A key at zero takes no memory. */
function add(counts: Map<string, number>, key: string, change: number): number {
  const sum = (counts.get(key) ?? 0) + change;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
  return sum;
}
