import type { Viewer } from '../api/domain/auth.ts';
import type { Membership } from '../api/domain/channel-reads.ts';
import type { HistoryPage } from '../api/domain/history.ts';
import type { HistoryAround } from '../api/domain/history-around.ts';
import type { Page, PageRequest } from '../api/domain/pages.ts';
import { unreadAfter } from '../api/domain/unread-of-members.ts';
import type { Entry } from '../api/events.ts';
import type { ListRound } from '../api/list-round.ts';
import type { Channel as ChannelRow, User as UserRow } from '../prisma/generated/client.ts';
import { type Owner, required } from './batch-loaders.ts';
import type { Domain } from './domain.ts';
import { commonMakers, viewedMakers } from './loader-makers.ts';

/** User id for requests without a viewer: it is a member of no channel. */
const noUserId = '00000000-0000-0000-0000-000000000000';

/** Key of list rounds among the readers of the database. */
const listReader = 'channel-lists';

/** Loaders of one owner. */
type Shared = { readonly owner: Owner } & MadeBy<typeof commonMakers> & MadeBy<typeof viewedMakers>;

/** Loaders for one viewer, over those of an execution or of a round of executions. */
const views = {
  /** Users that the viewer has blocked. */
  blocked: ({ shared, viewerId }: Viewed) => seenBy(viewerId, (id) => shared.blocked.load(`${id}:${viewerId}`)),
  /** The viewer's reactions, by message and emoji. */
  reacted: ({ shared, viewerId }: Viewed) => ({
    load: async (messageId: string, emoji: string): Promise<boolean> =>
      viewerId !== null && (await shared.reaction.load(`${messageId}:${viewerId}:${emoji}`)) !== null,
  }),
  /** The other member of a direct channel or match, by channel. */
  peer: ({ shared, viewerId }: Viewed) => seenBy(viewerId, (id) => shared.peer.load(`${id}:${viewerId}`)),
  /** The viewer's membership of a channel, also one that ended. */
  standing: ({ shared, viewerId }: Viewed) => seenBy(viewerId, (id) => shared.standing.load(`${id}:${viewerId}`)),
  /** The viewer's unread messages, by channel. */
  unread: ({ shared, viewerId }: Viewed) => seenBy(viewerId, (id) => shared.unread.load(`${id}:${viewerId}`)),
  /** The viewer's number of unread messages that mention the viewer, by channel. */
  mentions: ({ shared, viewerId }: Viewed) => seenBy(viewerId, (id) => shared.mentions.load(`${id}:${viewerId}`)),
  /** The viewer's number of unread messages, by membership. In a list round it is counted for all viewers together. */
  unreadCount: ({ shared, viewerId }: Viewed) => ({
    async load(membership: Membership): Promise<number> {
      const key = `${membership.channelId}:${viewerId}`;
      if (shared.owner.round === undefined) return (await shared.unread.load(key))?.count ?? 0;
      return (await shared.unreadCount.load(`${key}:${unreadAfter(membership)}`))?.count ?? 0;
    },
  }),
  /** The newest entry of a channel for the viewer. */
  lastEntry: ({ shared, viewerId }: Viewed) => {
    const lastOf = async (channelId: string, userId: string | null) =>
      (await shared.lastEntry.load(`${channelId}:${userId ?? noUserId}`))?.entry ?? null;
    if (shared.owner.round === undefined || viewerId === null)
      return { load: (channelId: string) => lastOf(channelId, viewerId) };
    return {
      /** One entry is the newest for all viewers of a list round, unless they have blocked its author: none of them joined after it. */
      async load(channelId: string): Promise<Entry | null> {
        const entry = await lastOf(channelId, null);
        const isBlocked = entry !== null && (await shared.blocked.load(`${entry.authorId}:${viewerId}`)) !== null;
        return isBlocked ? lastOf(channelId, viewerId) : entry;
      },
    };
  },
  /** Pinned entries by channel, the newest pin first. */
  pinned: ({ shared, viewerId }: Viewed) => ({
    load: async (channelId: string): Promise<readonly Entry[]> =>
      (await shared.pinned.load(`${channelId}:${viewerId ?? noUserId}`))?.entries ?? [],
  }),
  /** Pages of history by channel; an error for channels that the viewer is not a member of. */
  history: ({ shared, viewerId }: Viewed) => ({
    load: (key: { channelId: string; request: PageRequest<number> }): Promise<HistoryPage | null> =>
      shared.history.load({ ...key, userId: viewerId ?? noUserId }),
  }),
  /** Pages around messages by channel and message; null for channels that the viewer is not a member of. */
  historyAround: ({ shared, viewerId }: Viewed) => ({
    load: (key: { channelId: string; messageId: string; request: { limit: number } }): Promise<HistoryAround | null> =>
      shared.historyAround.load({ ...key, userId: viewerId ?? noUserId }),
  }),
  /** Pages of replies by message; null for messages of channels that the viewer is not a member of. */
  replies: ({ shared, viewerId }: Viewed) => ({
    load: (key: { channelId: string; messageId: string; request: PageRequest<number> }): Promise<Page<Entry> | null> =>
      shared.replies.load({ ...key, userId: viewerId ?? noUserId }),
  }),
  /** Pages of changes by channel; an error for channels that the viewer is not a member of. */
  changes: ({ shared, viewerId }: Viewed) => ({
    load: (key: { channelId: string; request: { after: number; limit: number } }) =>
      shared.changes.load({ ...key, userId: viewerId ?? noUserId }),
  }),
};

interface Viewed {
  shared: Shared;
  viewerId: string | null;
}

type MadeBy<Makers extends Record<string, (given: never) => unknown>> = {
  readonly [Name in keyof Makers]: ReturnType<Makers[Name]>;
};

/** Look-ups by key for resolvers. Each loader queries the database once per level of a response, however many objects it has. */
export interface Loaders extends MadeBy<typeof commonMakers>, MadeBy<typeof views> {
  /** Loads a user that another row refers to, so that it must exist. */
  presentUser(id: string): Promise<UserRow>;
  /** Loads a channel that another row refers to, so that it must exist. */
  presentChannel(id: string): Promise<ChannelRow>;
}

/**
 * Creates the loaders of one execution, so that nothing cached outlives the response. Each loader is made on first use:
 * most operations need one or none.
 * @param sharing loaders of another viewer, or of none, which these use too: their keys name the viewer where it matters
 */
export function createLoaders(domain: Domain, viewer: Viewer | null, sharing?: Loaders): Loaders {
  if (sharing) return viewOf((sharing as unknown as Viewed).shared, viewer);
  return viewOf(createShared({ domain, reader: viewer?.userId ?? noUserId, round: undefined }), viewer);
}

/**
 * Creates loaders without a viewer, for the executions that one channel's events cause.
 * @param channelId names the channel to the database, whose statements take turns with those of others
 */
export function createChannelLoaders(domain: Domain, channelId: string): Loaders {
  return viewOf(createShared({ domain, reader: channelId, round: undefined }), null);
}

/**
 * Returns the loaders of an execution that belongs to a list round. Executions of a round share their loaders, and each loader
 * queries the database once for all of them.
 */
export function createListLoaders(domain: Domain, viewer: Viewer | null, round: ListRound): Loaders {
  round.shared ??= createShared({ domain, reader: listReader, round });
  return viewOf(round.shared as Shared, viewer);
}

function viewOf(shared: Shared, viewer: Viewer | null): Loaders {
  return Object.assign(Object.create(lazyViews), { shared, viewerId: viewer?.userId ?? null }) as Loaders;
}

function createShared(owner: Owner): Shared {
  return Object.assign(Object.create(lazyShared), { owner }) as Shared;
}

const lazyShared = {};
defineLazily<{ owner: Owner }>(lazyShared, { ...commonMakers, ...viewedMakers }, (shared) => shared.owner);

const lazyViews = {
  presentUser(this: Loaders, id: string) {
    return required(this.user)(id);
  },
  presentChannel(this: Loaders, id: string) {
    return required(this.channel)(id);
  },
};
defineLazily<Viewed>(lazyViews, views, (viewed) => viewed);
for (const name of Object.keys(commonMakers) as (keyof typeof commonMakers)[]) {
  Object.defineProperty(lazyViews, name, {
    get(this: Viewed) {
      return this.shared[name];
    },
  });
}

/** Defines properties whose values are made on first use. */
function defineLazily<Self>(
  target: object,
  makers: Record<string, (given: never) => unknown>,
  toGiven: (self: Self) => unknown,
): void {
  for (const [name, make] of Object.entries(makers)) {
    Object.defineProperty(target, name, {
      get(this: Self) {
        const value = make(toGiven(this) as never);
        Object.defineProperty(this, name, { value });
        return value;
      },
    });
  }
}

function seenBy<Value>(viewerId: string | null, load: (id: string) => Promise<Value | null>) {
  return { load: viewerId === null ? async () => null : load };
}
