import type { Client } from '@urql/core';
import { ChannelChangesDocument, ChannelListDocument, type ChannelPartsFragment } from '../gql/graphql.ts';
import { backoff, pause } from '../urql/backoff.ts';
import { type Failure, failureOf } from '../urql/errors.ts';
import type { Connection } from '../urql/socket.ts';
import { createValue, type Readable } from '../urql/value.ts';

/** A channel as lists show it. */
export type ChannelItem = ChannelPartsFragment;

export interface ChannelListState {
  status: 'loading' | 'ready' | 'failed';
  failure: Failure | null;
  /** Latest activity first. */
  channels: readonly ChannelItem[];
  /** There are older ones that were not loaded. */
  hasMore: boolean;
}

export type ChannelList = ReturnType<typeof createChannelList>;

const PAGE_SIZE = 50;
/** Who is online is no part of what the subscription announces. */
const REFRESH_MS = 60_000;

export interface ChannelListOptions {
  client: Client;
  connection: Readable<Connection>;
}

/** The viewer's channels: loaded once, then kept up by the subscription, and loaded anew after a lost connection. */
export function createChannelList({ client, connection }: ChannelListOptions) {
  const state = createValue<ChannelListState>({ status: 'loading', failure: null, channels: [], hasMore: false });
  const disposed = new AbortController();
  let endCursor: string | null = null;
  let wasLost = false;
  let unfollow = () => {};

  const unwatch = connection.subscribe(reloadAfterLoss);
  const refreshing = setInterval(() => document.visibilityState === 'visible' && void load(), REFRESH_MS);
  follow(0);
  void load();

  return {
    get: state.get,
    subscribe: state.subscribe,
    find: (id: string) => state.get().channels.find((channel) => channel.id === id),
    load,
    more,
    put,
    remove: (id: string) => set({ channels: state.get().channels.filter((channel) => channel.id !== id) }),
    dispose() {
      disposed.abort();
      clearInterval(refreshing);
      unwatch();
      unfollow();
    },
  };

  async function load(): Promise<void> {
    const page = await fetchPage(null);
    if (page === null) return;
    const older = state
      .get()
      .channels.slice(page.nodes.length)
      .filter(({ id }) => !page.nodes.some((c) => c.id === id));
    const isLonger = older.length > 0 && page.pageInfo.hasNextPage;
    if (!isLonger) endCursor = page.pageInfo.endCursor;
    set({
      status: 'ready',
      failure: null,
      channels: sorted([...page.nodes.map(newest), ...(isLonger ? older : [])]),
      hasMore: isLonger ? state.get().hasMore : page.pageInfo.hasNextPage,
    });
  }

  async function more(): Promise<void> {
    const page = await fetchPage(endCursor);
    if (page === null) return;
    endCursor = page.pageInfo.endCursor;
    const added = page.nodes.filter(({ id }) => !state.get().channels.some((channel) => channel.id === id));
    set({ channels: sorted([...state.get().channels, ...added]), hasMore: page.pageInfo.hasNextPage });
  }

  async function fetchPage(after: string | null) {
    const variables = { first: PAGE_SIZE, after };
    const result = await client.query(ChannelListDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const page = result.data?.me?.channels;
    if (page) return page;
    const failure = failureOf(result.error);
    if (state.get().status === 'loading' && failure) set({ status: 'failed', failure });
    return null;
  }

  /** Takes a channel in its newest state, or out when the viewer is no member any more. */
  function put(channel: ChannelItem): void {
    const others = state.get().channels.filter(({ id }) => id !== channel.id);
    set({ channels: channel.viewerMembership === null ? others : sorted([newest(channel), ...others]) });
  }

  /** A page may have been read before something that the subscription gave already. */
  function newest(channel: ChannelItem): ChannelItem {
    const known = state.get().channels.find(({ id }) => id === channel.id);
    const isOlder = (known?.lastMessage?.seq ?? 0) > (channel.lastMessage?.seq ?? 0);
    return known && isOlder ? known : channel;
  }

  function follow(attempt: number): void {
    const subscription = client.subscription(ChannelChangesDocument, {}).subscribe((result) => {
      if (result.data?.channels) put(result.data.channels);
      if (!result.hasNext) void followAgain(attempt + 1);
    });
    unfollow = subscription.unsubscribe;
  }

  async function followAgain(attempt: number): Promise<void> {
    await pause(backoff(attempt), disposed.signal);
    if (disposed.signal.aborted) return;
    follow(attempt);
    await load();
  }

  function reloadAfterLoss(): void {
    const { state: now } = connection.get();
    if (now === 'reconnecting') wasLost = true;
    if (now !== 'connected' || !wasLost) return;
    wasLost = false;
    void load();
  }

  function set(change: Partial<ChannelListState>): void {
    if (!disposed.signal.aborted) state.set({ ...state.get(), ...change });
  }
}

function sorted(channels: readonly ChannelItem[]): readonly ChannelItem[] {
  return channels.toSorted((a, b) => activityOf(b).localeCompare(activityOf(a)));
}

/** When something last happened in a channel, as an ISO date. */
export function activityOf({ lastMessage, createdAt }: ChannelItem): string {
  return lastMessage?.sentAt ?? createdAt;
}
