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
import { type Failure, failureOf } from '../urql/errors.ts';
import { createValue } from '../urql/value.ts';

export type Match = MatchPartsFragment;
type Talk = Match & { channel: NonNullable<Match['channel']>; partner: NonNullable<Match['partner']> };

/** Where the viewer stands with strangers. */
export type MatchState =
  | { readonly step: 'none' }
  /** `since`: milliseconds of `Date.now()`. */
  | { readonly step: 'waiting'; readonly id: string | null; readonly since: number }
  | { readonly step: 'talking'; readonly id: string; readonly talk: Talk }
  /** The channel can still be read. `reason` is null when it ended while this client was away. */
  | { readonly step: 'ended'; readonly id: string; readonly talk: Talk; readonly reason: MatchEndReason | null };

const TAGS = 'match.tags';

/** The viewer's match or place in the queue, kept up by its subscription. */
export function createMatching({ client, localData }: { client: Client; localData: LocalData }) {
  const state = createValue<MatchState>({ step: 'none' });
  const failure = createValue<Failure | null>(null);
  const disposed = new AbortController();
  let unfollow = () => {};
  follow(0);

  return {
    get: state.get,
    subscribe: state.subscribe,
    /** Why the last try to find somebody, or to leave, did not work. */
    failure,
    tags: () => readTags(localData),
    find,
    next,
    leave,
    dispose() {
      disposed.abort();
      unfollow();
    },
  };

  /** Joins the queue; who waits already stays in place. `tags`: what the viewer would like to talk about. */
  async function find(tags: readonly string[] = readTags(localData)): Promise<void> {
    localData.write(TAGS, tags);
    const before = state.get();
    if (before.step !== 'waiting') state.set({ step: 'waiting', id: null, since: Date.now() });
    failure.set(null);
    const result = await client.mutation(FindMatchDocument, { input: { tags: [...tags] } }).toPromise();
    if (result.data?.match) {
      apply(result.data.match);
      return;
    }
    failure.set(failureOf(result.error));
    if (state.get().step === 'waiting') state.set({ step: 'none' });
  }

  async function next(): Promise<void> {
    if (state.get().step === 'talking' && !(await unmatch())) return;
    state.set({ step: 'none' });
    await find();
  }

  /** Out of the queue or the talk. */
  async function leave(): Promise<void> {
    const { step } = state.get();
    if ((step === 'waiting' || step === 'talking') && !(await unmatch())) return;
    state.set({ step: 'none' });
  }

  async function unmatch(): Promise<boolean> {
    const result = await client.mutation(UnmatchDocument, {}).toPromise();
    const refusal = failureOf(result.error);
    const isOver = refusal === null || refusal.code === 'NOT_FOUND';
    failure.set(isOver ? null : refusal);
    return isOver;
  }

  function follow(attempt: number): void {
    const subscription = client.subscription(MatchChangesDocument, {}).subscribe((result) => {
      if (result.data?.match) apply(result.data.match);
      else if (result.data && result.hasNext) void verify();
      if (!result.hasNext) void pause(backoff(attempt), disposed.signal).then(() => followAgain(attempt + 1));
    });
    unfollow = subscription.unsubscribe;
  }

  function followAgain(attempt: number): void {
    if (!disposed.signal.aborted) follow(attempt);
  }

  function apply(match: Match): void {
    const present = state.get();
    const presentId = present.step === 'none' ? null : present.id;
    switch (match.status) {
      case 'WAITING':
        if (present.step === 'none') state.set({ step: 'waiting', id: match.id, since: Date.now() });
        if (present.step === 'waiting') state.set({ ...present, id: match.id });
        return;
      case 'MATCHED':
        if (present.step === 'ended' && presentId === match.id) return;
        if (isTalk(match)) state.set({ step: 'talking', id: match.id, talk: match });
        return;
      case 'ENDED':
        if (present.step === 'talking' && presentId === match.id) end(match.endReason);
        if (present.step === 'waiting' && presentId === match.id) void find();
        return;
      default:
        match.status satisfies never;
    }
  }

  function end(reason: MatchEndReason | null): void {
    const present = state.get();
    if (present.step === 'talking') state.set({ ...present, step: 'ended', reason });
  }

  /** There is no match, the subscription says; but that may be older than the answer of a mutation. */
  async function verify(): Promise<void> {
    if (state.get().step === 'none' || state.get().step === 'ended') return;
    const result = await client.query(CurrentMatchDocument, {}, { requestPolicy: 'network-only' }).toPromise();
    if (result.error || disposed.signal.aborted) return;
    if (result.data?.match) apply(result.data.match);
    else if (state.get().step === 'waiting') await find();
    else end(null);
  }
}

function isTalk(match: Match): match is Talk {
  return match.channel !== null && match.partner !== null;
}

function readTags(localData: LocalData): string[] {
  const tags = localData.read(TAGS);
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
}
