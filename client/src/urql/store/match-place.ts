import type { Client } from '@urql/core';
import { type Failure, toFailure } from '../errors.ts';
import { FindMatchDocument, LeaveMatchDocument, type MatchInput, MatchPlaceDocument } from '../gql/graphql.ts';
import { createValue, type Readable } from '../value.ts';
import type { Match } from './types.ts';

/** The viewer's match or place in the queue; null if there is neither. */
export interface MatchPlace extends Readable<Match | null> {
  /** Enters the queue, or returns to the place or match that there is. Resolves with null, or with why it failed. */
  find(input?: MatchInput): Promise<Failure | null>;
  /** Leaves the queue or the match. Resolves with null, or with why it failed. */
  leave(): Promise<Failure | null>;
}

/** The match with the methods for the stream of updates. */
export interface MatchStore extends MatchPlace {
  put(match: Match | null): void;
  dispose(): void;
}

const stages: readonly Match['status'][] = ['WAITING', 'MATCHED', 'ENDED'];

/**
 * Creates the store of a user's match. While there is a place or a match it holds the subscription `match`, which keeps the
 * place, and tells when the partner comes and goes.
 */
export function createMatchStore(client: Pick<Client, 'mutation' | 'subscription'>): MatchStore {
  const present = createValue<Match | null>(null);
  let wishes: MatchInput | null = null;
  let stopHolding: (() => void) | undefined;

  return { get: present.get, subscribe: present.subscribe, find, leave, put, dispose: release };

  async function find(input: MatchInput = {}): Promise<Failure | null> {
    wishes = input;
    const { data, error } = await client.mutation(FindMatchDocument, { input }).toPromise();
    if (data?.match && wishes === input) put(data.match);
    return toFailure(error);
  }

  async function leave(): Promise<Failure | null> {
    wishes = null;
    // First of all: the end of the place would otherwise look like a place that was lost.
    release();
    const { data, error } = await client.mutation(LeaveMatchDocument, {}).toPromise();
    if (data) put(data.unmatch);
    else hold();
    return toFailure(error);
  }

  function put(match: Match | null): void {
    const known = present.get();
    if (match && match.id === known?.id && stages.indexOf(match.status) < stages.indexOf(known.status)) return;
    present.set(match);
    if (match === null || match.status === 'ENDED') release();
    else hold();
  }

  function hold(): void {
    if (stopHolding || present.get() === null) return;
    const { unsubscribe } = client.subscription(MatchPlaceDocument, {}).subscribe(({ data, error, hasNext }) => {
      if (data) onPlace(data.match);
      // The next change of the match begins it again.
      if (error || !hasNext) queueMicrotask(release);
    });
    stopHolding = unsubscribe;
  }

  /** No place while one is wanted: it was lost during a long time without a connection. */
  function onPlace(match: Match | null): void {
    if (match === null && wishes !== null && present.get()?.status === 'WAITING') void find(wishes);
    else put(match);
  }

  function release(): void {
    stopHolding?.();
    stopHolding = undefined;
  }
}
