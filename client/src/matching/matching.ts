import type { Client } from '@urql/core';
import type { LocalData } from '../accounts/local-data.ts';
import {
  CurrentMatchDocument,
  FindMatchDocument,
  MatchChangesDocument,
  type MatchEndReason,
  type MatchPartsFragment,
  UnmatchDocument,
} from '../gql/graphql.ts';
import { backoff, pause } from '../urql/backoff.ts';
import { type Failure, toFailure } from '../urql/errors.ts';
import { createValue } from '../urql/value.ts';

/** A match with the fields that this client selects. */
export type Match = MatchPartsFragment;
type Talk = Match & { channel: NonNullable<Match['channel']>; partner: NonNullable<Match['partner']> };

/** The viewer's search for a stranger, or conversation with one. */
export type MatchState =
  | { readonly step: 'none' }
  /** `id` is null until the server has confirmed the search. `since`: milliseconds since the epoch. */
  | { readonly step: 'waiting'; readonly id: string | null; readonly since: number }
  | { readonly step: 'talking'; readonly id: string; readonly talk: Talk }
  /** The messages can still be read. `reason` is null if the match ended while this client was disconnected. */
  | { readonly step: 'ended'; readonly id: string; readonly talk: Talk; readonly reason: MatchEndReason | null };

const tagsKey = 'match.tags';

/** The store of the viewer's match or search. */
export type Matching = ReturnType<typeof createMatching>;

/** Creates the store of the viewer's match or search. A subscription keeps it up to date. */
export function createMatching({ client, localData }: { client: Client; localData: LocalData }) {
  const state = createValue<MatchState>({ step: 'none' });
  const failure = createValue<Failure | null>(null);
  const disposed = new AbortController();
  let unsubscribe = () => {};
  /** The request of the last `find`. */
  let finding: Promise<unknown> = Promise.resolve();
  /** The search or match that the viewer has left, or is leaving: events that tell of it may still come. */
  let leftId: string | null = null;
  watchChanges(0);

  return {
    get: state.get,
    subscribe: state.subscribe,
    /** Why the last `find`, `next` or `leave` failed; null if it worked. */
    failure,
    tags: () => readTags(localData),
    find,
    next,
    leave,
    dispose() {
      disposed.abort();
      unsubscribe();
    },
  };

  /** Starts a search, or updates the tags of the present one. `tags`: topics that the viewer would like to talk about. */
  async function find(tags: readonly string[] = readTags(localData)): Promise<void> {
    localData.write(tagsKey, tags);
    const before = state.get();
    if (before.step !== 'waiting') state.set({ step: 'waiting', id: null, since: Date.now() });
    failure.set(null);
    const request = client.mutation(FindMatchDocument, { input: { tags: [...tags] } }).toPromise();
    finding = request;
    const result = await request;
    if (result.data?.match) {
      apply(result.data.match);
      return;
    }
    failure.set(toFailure(result.error));
    if (state.get().step === 'waiting') state.set({ step: 'none' });
  }

  /** Leaves the match, if there is one, and starts a search. */
  async function next(): Promise<void> {
    if (state.get().step === 'talking' && !(await unmatch())) return;
    state.set({ step: 'none' });
    await find();
  }

  /** Cancels the search or leaves the match. */
  async function leave(): Promise<void> {
    const { step } = state.get();
    if ((step === 'waiting' || step === 'talking') && !(await unmatch())) return;
    state.set({ step: 'none' });
  }

  /** A search that the server does not know yet cannot be cancelled: it is awaited. */
  async function unmatch(): Promise<boolean> {
    await finding;
    leftId = presentId();
    const result = await client.mutation(UnmatchDocument, {}).toPromise();
    const error = toFailure(result.error);
    const isOver = error === null || error.code === 'NOT_FOUND';
    if (!isOver) leftId = null;
    failure.set(isOver ? null : error);
    return isOver;
  }

  function presentId(): string | null {
    const present = state.get();
    return present.step === 'none' ? null : present.id;
  }

  function watchChanges(attempt: number): void {
    const subscription = client.subscription(MatchChangesDocument, {}).subscribe((result) => {
      if (result.data?.match) apply(result.data.match);
      else if (result.data && result.hasNext) void verify();
      if (!result.hasNext) void pause(backoff(attempt), disposed.signal).then(() => watchChangesAgain(attempt + 1));
    });
    unsubscribe = subscription.unsubscribe;
  }

  function watchChangesAgain(attempt: number): void {
    if (!disposed.signal.aborted) watchChanges(attempt);
  }

  function apply(match: Match): void {
    if (match.id === leftId) return;
    const present = state.get();
    switch (match.status) {
      case 'WAITING':
        if (present.step === 'none') state.set({ step: 'waiting', id: match.id, since: Date.now() });
        if (present.step === 'waiting') state.set({ ...present, id: match.id });
        return;
      case 'MATCHED':
        if (present.step === 'ended' && present.id === match.id) return;
        if (isTalk(match)) state.set({ step: 'talking', id: match.id, talk: match });
        return;
      case 'ENDED':
        if (present.step === 'talking' && present.id === match.id) end(match.endReason);
        if (present.step === 'waiting' && present.id === match.id) void find();
        return;
      default:
        match.status satisfies never;
    }
  }

  function end(reason: MatchEndReason | null): void {
    const present = state.get();
    if (present.step === 'talking') state.set({ ...present, step: 'ended', reason });
  }

  /** Queries the match after an event without one: the event may be older than the result of a mutation. */
  async function verify(): Promise<void> {
    const id = presentId();
    if (id === null || id === leftId || state.get().step === 'ended') return;
    const result = await client.query(CurrentMatchDocument, {}, { requestPolicy: 'network-only' }).toPromise();
    if (result.error || disposed.signal.aborted || presentId() !== id || id === leftId) return;
    if (result.data?.match) apply(result.data.match);
    else if (state.get().step === 'waiting') await find();
    else end(null);
  }
}

function isTalk(match: Match): match is Talk {
  return match.channel !== null && match.partner !== null;
}

function readTags(localData: LocalData): string[] {
  const tags = localData.read(tagsKey);
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
}
