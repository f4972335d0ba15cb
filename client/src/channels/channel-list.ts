import type { Client } from '@urql/core';
import { ChannelChangesDocument, ChannelListDocument, type ChannelPartsFragment } from '../gql/graphql.ts';
import { texts } from '../ui/texts.ts';
import { backoff, pause } from '../urql/backoff.ts';
import { type Failure, toFailure } from '../urql/errors.ts';
import type { Connection } from '../urql/socket.ts';
import { createValue, type Readable } from '../urql/value.ts';

/** A channel with the fields that lists show. */
export type ChannelItem = ChannelPartsFragment;

/** The loaded channels and the state of loading. */
export interface ChannelListState {
  status: 'loading' | 'ready' | 'failed';
  /** Why the first page could not be loaded; null otherwise. */
  failure: Failure | null;
  /** Latest activity first. */
  channels: readonly ChannelItem[];
  /** True if there are more channels to load. */
  hasMore: boolean;
}

/** The list of the viewer's channels. */
export type ChannelList = ReturnType<typeof createChannelList>;

const pageSize = 50;
/** How often the list is reloaded: the subscription does not announce who comes online. */
const refreshMs = 60_000;

/** Options of `createChannelList`. */
export interface ChannelListOptions {
  client: Client;
  connection: Readable<Connection>;
}

/** Creates the list of the viewer's channels. A subscription keeps it up to date; it is reloaded after a lost connection. */
export function createChannelList({ client, connection }: ChannelListOptions) {
  const state = createValue<ChannelListState>({ status: 'loading', failure: null, channels: [], hasMore: false });
  const disposed = new AbortController();
  let endCursor: string | null = null;
  let wasLost = false;
  let unsubscribe = () => {};

  const stopWatching = connection.subscribe(reloadAfterLoss);
  const refreshing = setInterval(() => document.visibilityState === 'visible' && void load(), refreshMs);
  watchChanges(0);
  void load();

  return {
    get: state.get,
    subscribe: state.subscribe,
    find: (id: string) => state.get().channels.find((channel) => channel.id === id),
    load,
    loadMore,
    put,
    remove: (id: string) => set({ channels: state.get().channels.filter((channel) => channel.id !== id) }),
    dispose() {
      disposed.abort();
      clearInterval(refreshing);
      stopWatching();
      unsubscribe();
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
      channels: sorted([...page.nodes.map(newer), ...(isLonger ? older : [])]),
      hasMore: isLonger ? state.get().hasMore : page.pageInfo.hasNextPage,
    });
  }

  async function loadMore(): Promise<void> {
    const page = await fetchPage(endCursor);
    if (page === null) return;
    endCursor = page.pageInfo.endCursor;
    const added = page.nodes.filter(({ id }) => !state.get().channels.some((channel) => channel.id === id));
    set({ channels: sorted([...state.get().channels, ...added]), hasMore: page.pageInfo.hasNextPage });
  }

  async function fetchPage(after: string | null) {
    const variables = { first: pageSize, after };
    const result = await client.query(ChannelListDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    const page = result.data?.me?.channels;
    if (page) return page;
    const failure = toFailure(result.error);
    if (state.get().status === 'loading' && failure) set({ status: 'failed', failure });
    return null;
  }

  /** Adds or updates a channel; removes it if the viewer is no longer a member. */
  function put(channel: ChannelItem): void {
    const others = state.get().channels.filter(({ id }) => id !== channel.id);
    set({ channels: channel.viewerMembership === null ? others : sorted([newer(channel), ...others]) });
  }

  /** Returns the newer state of a channel: a page may be older than the last event of the subscription. */
  function newer(channel: ChannelItem): ChannelItem {
    const known = state.get().channels.find(({ id }) => id === channel.id);
    const isOlder = (known?.lastMessage?.seq ?? 0) > (channel.lastMessage?.seq ?? 0);
    return known && isOlder ? known : channel;
  }

  function watchChanges(attempt: number): void {
    const subscription = client.subscription(ChannelChangesDocument, {}).subscribe((result) => {
      if (result.data?.channels) put(result.data.channels);
      if (!result.hasNext) void watchChangesAgain(attempt + 1);
    });
    unsubscribe = subscription.unsubscribe;
  }

  async function watchChangesAgain(attempt: number): Promise<void> {
    await pause(backoff(attempt), disposed.signal);
    if (disposed.signal.aborted) return;
    watchChanges(attempt);
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
  return channels.toSorted((a, b) => lastActivityAt(b).localeCompare(lastActivityAt(a)));
}

/** Returns the time of a channel's last message, or of its creation, in ISO 8601. */
export function lastActivityAt({ lastMessage, createdAt }: ChannelItem): string {
  return lastMessage?.sentAt ?? createdAt;
}

/** Returns the name of a room, or of the other person in a direct channel or match. */
export function channelName({ name, peer }: Pick<ChannelItem, 'name' | 'peer'>): string {
  return name ?? (peer ? texts.nameOf(peer) : texts.match.stranger);
}
