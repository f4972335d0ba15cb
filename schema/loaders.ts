import DataLoader from 'dataloader';
import type { Viewer } from '../api/domain/auth.ts';
import type { PageRequest, TimeKey } from '../api/domain/pages.ts';
import type { Channel as ChannelRow, User as UserRow } from '../prisma/generated/client.ts';
import type { Domain } from './domain.ts';

/** User id for requests without a viewer: it is a member of no channel. */
const noUserId = '00000000-0000-0000-0000-000000000000';

/** The operation that loaders belong to. */
interface Owner {
  domain: Domain;
  /** Key of the caller, whose statements take turns with those of others. */
  reader: string;
  /** The user whose unread counts, blocks and peers are loaded; null loads none. */
  viewer: Viewer | null;
  /** Other loaders, which load everything that does not depend on the viewer. */
  shared?: Loaders | undefined;
}

/** Rows that a statement reads, as the equivalent of rows that it returns, where it returns one for each channel. */
const rowsOfMemberIds = 10;
const rowsOfUnread = 10;

/** Loaders whose values are the same for every viewer. */
const sharedMakers = {
  user: ({ domain, reader }: Owner) =>
    byKey(
      (ids) => domain.accounts.byIds(ids, reader),
      ({ id }) => id,
    ),
  author: ({ domain }: Owner) =>
    required(
      byKey(
        (ids) => domain.accounts.authors(ids),
        ({ id }) => id,
      ),
    ),
  channel: ({ domain, reader }: Owner) =>
    byKey(
      (ids) => domain.channels.byIds(ids, reader),
      ({ id }) => id,
    ),
  online: ({ domain }: Owner) =>
    byKey(
      async (ids) => [...(await domain.presence.online(ids))],
      (id) => id,
    ),
  /** Active memberships, keyed `channelId:userId`. */
  membership: ({ domain, reader }: Owner) =>
    byKey(
      (keys) => domain.channels.memberships(keys, reader),
      ({ channelId, userId }) => `${channelId}:${userId}`,
    ),
  /** Pages of members. */
  members: ({ domain, reader }: Owner) =>
    byRequest((channelIds, request: PageRequest<TimeKey>) => domain.channels.members(channelIds, request, reader)),
  /** Ids of members, by channel. */
  memberIds: ({ domain, reader }: Owner) =>
    byKey(
      (channelIds) => domain.channels.memberIds(channelIds, reader),
      ({ channelId }) => channelId,
      rowsOfMemberIds,
    ),
  entry: ({ domain }: Owner) =>
    byKey(
      (ids) => domain.messages.byIds(ids),
      ({ id }) => id,
    ),
  /** Lists of the users that users have blocked. */
  blockedUsers: ({ domain }: Owner) =>
    byKey(
      (ids) => Promise.all(ids.map(async (id) => ({ id, users: await domain.moderation.blockedBy(id) }))),
      ({ id }) => id,
    ),
  /** Numbers of unread entries over all channels, by user. */
  unreadInAll: ({ domain }: Owner) =>
    byKey(
      (ids) => Promise.all(ids.map(async (id) => ({ id, count: await domain.receipts.unreadInAll(id) }))),
      ({ id }) => id,
    ),
};

/** Loaders whose values depend on the viewer. */
const viewerMakers = {
  /** Pages of history by channel; an error for channels that the viewer is not a member of. */
  history: ({ domain, viewer }: Owner) =>
    byRequest((channelIds, request: PageRequest<number>) =>
      domain.messages.pages(channelIds, viewer?.userId ?? noUserId, request),
    ),
  /** Pages of changes by channel; an error for channels that the viewer is not a member of. */
  changes: ({ domain, viewer }: Owner) =>
    byRequest((channelIds, request: { after: number; limit: number }) =>
      domain.messages.changesOf(channelIds, viewer?.userId ?? noUserId, request),
    ),
  lastEntry: ({ domain, viewer }: Owner) =>
    byKey(
      (channelIds) => domain.messages.lastOf(channelIds, viewer?.userId ?? noUserId),
      ({ channelId }) => channelId,
    ),
  /** Users that the viewer has blocked. */
  blocked: ({ domain, viewer }: Owner) =>
    byKey(
      async (ids) => (viewer === null ? [] : domain.moderation.blockedAmong(viewer.userId, ids)),
      (id) => id,
    ),
  /** The other member of a direct channel or match, by channel. */
  peer: ({ domain, viewer }: Owner) =>
    byKey(
      async (ids) => (viewer === null ? [] : domain.channels.peers(viewer.userId, ids)),
      ({ channelId }) => channelId,
    ),
  /** The viewer's unread entries, by channel. */
  unread: ({ domain, viewer }: Owner) =>
    byKey(
      async (ids) => (viewer === null ? [] : domain.receipts.unread(viewer.userId, ids)),
      ({ channelId }) => channelId,
      rowsOfUnread,
    ),
};

const makers = { ...sharedMakers, ...viewerMakers };

type Made = { readonly [Name in keyof typeof makers]: ReturnType<(typeof makers)[Name]> };

/** Look-ups by key for resolvers. Each loader queries the database once per level of a response, however many objects it has. */
export interface Loaders extends Made {
  /** Loads a user that another row refers to, so that it must exist. */
  presentUser(id: string): Promise<UserRow>;
  /** Loads a channel that another row refers to, so that it must exist. */
  presentChannel(id: string): Promise<ChannelRow>;
}

/**
 * Creates the loaders of one execution, so that nothing cached outlives the response. Each loader is made on first use:
 * most operations need one or none.
 * @param shared the loaders of executions that may share everything that does not depend on the viewer
 */
export function createLoaders(domain: Domain, viewer: Viewer | null, shared?: Loaders): Loaders {
  return makeLoaders({ domain, viewer, reader: viewer?.userId ?? noUserId, shared });
}

/**
 * Creates loaders without a viewer, for the executions that one channel's events cause.
 * @param channelId names the channel to the database, whose statements take turns with those of others
 */
export function createChannelLoaders(domain: Domain, channelId: string): Loaders {
  return makeLoaders({ domain, viewer: null, reader: channelId });
}

function makeLoaders(owner: Owner): Loaders {
  return Object.assign(Object.create(lazily), { owner }) as Loaders;
}

const lazily = {
  presentUser(this: Loaders, id: string) {
    return required(this.user)(id);
  },
  presentChannel(this: Loaders, id: string) {
    return required(this.channel)(id);
  },
};
for (const [name, make] of Object.entries(makers)) {
  Object.defineProperty(lazily, name, {
    get(this: { owner: Owner }) {
      const { shared } = this.owner;
      const value = shared && name in sharedMakers ? shared[name as keyof typeof sharedMakers] : make(this.owner);
      Object.defineProperty(this, name, { value });
      return value;
    },
  });
}

/**
 * Maximum number of rows that one statement of a loader reads. Others wait for it where there is one connection, so more rows
 * are read by several statements.
 */
const maxRows = 500;

/** @param rowsOfKey number of rows that the statement reads for each key */
function byKey<Value>(
  load: (keys: readonly string[]) => Promise<readonly Value[]>,
  keyOf: (value: Value) => string,
  rowsOfKey = 1,
) {
  return new DataLoader<string, Value | null>(async (keys) => {
    const values = inParts(keys, rowsOfKey, async (part) => {
      const found = new Map((await load(part)).map((value) => [keyOf(value), value]));
      return part.map((key) => found.get(key) ?? null);
    });
    return resolvedEach(values);
  });
}

/** A loader that looks up all channels with the same request together. */
function byRequest<Request extends { limit: number }, Value>(
  load: (channelIds: readonly string[], request: Request) => Promise<ReadonlyMap<string, Value | Error>>,
) {
  const batch = async (keys: readonly { channelId: string; request: Request }[]) => {
    const groups = new Map<string, { request: Request; channelIds: string[] }>();
    for (const { channelId, request } of keys) {
      const text = JSON.stringify(request);
      const group = groups.get(text) ?? { request, channelIds: [] };
      groups.set(text, group);
      group.channelIds.push(channelId);
    }
    const found = new Map<string, Promise<Value | null>>();
    for (const [text, { request, channelIds }] of groups) {
      const values = inParts(channelIds, request.limit, async (part) => {
        const loaded = await load(part, request);
        return part.map((id) => loaded.get(id) ?? null);
      });
      channelIds.forEach((id, n) => void found.set(`${text} ${id}`, values[n] ?? Promise.resolve(null)));
    }
    return resolvedEach(keys.map(({ channelId, request }) => found.get(`${JSON.stringify(request)} ${channelId}`)));
  };
  const cacheKeyFn = (key: { channelId: string; request: Request }) => JSON.stringify(key);
  return new DataLoader<{ channelId: string; request: Request }, Value | null, string>(batch, { cacheKeyFn });
}

/**
 * Loads keys by one statement after another, each of at most `maxRows` rows.
 * @returns the value of each key, available as soon as its statement has run
 */
function inParts<Value>(
  keys: readonly string[],
  rowsOfKey: number,
  load: (part: readonly string[]) => Promise<readonly (Value | Error)[]>,
): Promise<Value>[] {
  const size = Math.max(1, Math.floor(maxRows / Math.max(1, rowsOfKey)));
  const values: Promise<Value>[] = [];
  let previous: Promise<unknown> = Promise.resolve();
  for (let from = 0; from < keys.length; from += size) {
    const part = keys.slice(from, from + size);
    const loaded = from === 0 ? load(part) : previous.then(() => load(part));
    previous = loaded;
    for (const n of part.keys()) values.push(loaded.then((found) => valueOrThrow(found[n] as Value | Error)));
  }
  return values;
}

function valueOrThrow<Value>(value: Value | Error): Value {
  if (value instanceof Error) throw value;
  return value;
}

/** Passes promises to a DataLoader, which resolves the promise of each key with them. */
function resolvedEach<Value>(promises: readonly (Promise<Value> | undefined)[]): Value[] {
  return promises as unknown as Value[];
}

function required<Value>(loader: DataLoader<string, Value | null>) {
  return async (key: string): Promise<Value> => {
    const value = await loader.load(key);
    if (value === null) throw new Error(`a row refers to ${key}, which does not exist`);
    return value;
  };
}
