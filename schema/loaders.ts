import DataLoader from 'dataloader';
import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import type { Viewer } from '../api/domain/auth.ts';
import type { PageRequest, TimeKey } from '../api/domain/pages.ts';
import type { Context, Domain } from './context.ts';

/** Stands for who is not signed in: a member of nothing. */
const nobody = '00000000-0000-0000-0000-000000000000';

/**
 * What resolvers look up by key, batched: however many objects an answer has, each loader asks the database once a
 * level. Made anew for each execution, so that nothing outlives the answer.
 * @param viewer whose unread counts and seen marks are loaded; without one they are null
 */
export function createLoaders({ accounts, channels, messages, presence, receipts }: Domain, viewer: Viewer | null) {
  const own = <Value>(load: (userId: string, keys: readonly string[]) => Promise<readonly Value[]>) => {
    return async (keys: readonly string[]) => (viewer === null ? [] : load(viewer.userId, keys));
  };
  const user = byKey(
    (ids) => accounts.byIds(ids),
    ({ id }) => id,
  );
  const channel = byKey(
    (ids) => channels.byIds(ids),
    ({ id }) => id,
  );

  return {
    user,
    author: required(
      byKey(
        (ids) => accounts.authors(ids),
        ({ id }) => id,
      ),
    ),
    channel,
    /** What a row refers to: it is there. */
    present: { user: required(user), channel: required(channel) },
    online: byKey(
      async (ids) => [...(await presence.online(ids))],
      (id) => id,
    ),
    /** Keyed `channel:user`; active memberships alone. */
    membership: byKey(
      (keys) => channels.memberships(keys),
      ({ channelId, userId }) => `${channelId}:${userId}`,
    ),
    /** Pages of members. */
    members: byRequest((channelIds, request: PageRequest<TimeKey>) => channels.members(channelIds, request)),
    /** Pages of history; the error for who is no member. */
    history: byRequest((channelIds, request: PageRequest<number>) =>
      messages.pages(channelIds, viewer?.userId ?? nobody, request),
    ),
    /** What changed in each channel; the error for who is no member. */
    changes: byRequest((channelIds, request: { after: number; limit: number }) =>
      messages.changesOf(channelIds, viewer?.userId ?? nobody, request),
    ),
    /** By channel. */
    memberIds: byKey(
      (channelIds) => channels.memberIds(channelIds),
      ({ channelId }) => channelId,
    ),
    entry: byKey(
      (ids) => messages.byIds(ids),
      ({ id }) => id,
    ),
    lastEntry: byKey(
      (channelIds) => messages.lastOf(channelIds),
      ({ channelId }) => channelId,
    ),
    /** The viewer's counterpart, by direct channel or match. */
    peer: byKey(own(channels.peers), ({ channelId }) => channelId),
    /** What the viewer has not seen, by channel. */
    unread: byKey(own(receipts.unread), ({ channelId }) => channelId),
  };
}

export type Loaders = ReturnType<typeof createLoaders>;

/**
 * Gives each event of a subscription and each field of a mutation loaders of their own: what the one before has loaded may
 * have changed since.
 */
export function renewLoaders(schema: GraphQLSchema): GraphQLSchema {
  for (const type of [schema.getMutationType(), schema.getSubscriptionType()]) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      const { resolve = defaultFieldResolver } = field;
      field.resolve = (source, args, context: Context, info) => {
        context.loaders = createLoaders(context.domain, context.viewer);
        return resolve(source, args, context, info);
      };
    }
  }
  return schema;
}

function byKey<Value>(load: (keys: readonly string[]) => Promise<readonly Value[]>, keyOf: (value: Value) => string) {
  return new DataLoader<string, Value | null>(async (keys) => {
    const found = new Map((await load(keys)).map((value) => [keyOf(value), value]));
    return keys.map((key) => found.get(key) ?? null);
  });
}

/** One look-up for all channels of which the same is asked. */
function byRequest<Request, Value>(
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
    const loaded = [...groups].map(
      async ([text, { request, channelIds }]) => [text, await load(channelIds, request)] as const,
    );
    const found = new Map(await Promise.all(loaded));
    return keys.map(({ channelId, request }) => found.get(JSON.stringify(request))?.get(channelId) ?? null);
  };
  const cacheKeyFn = (key: { channelId: string; request: Request }) => JSON.stringify(key);
  return new DataLoader<{ channelId: string; request: Request }, Value | null, string>(batch, { cacheKeyFn });
}

function required<Value>(loader: DataLoader<string, Value | null>) {
  return async (key: string): Promise<Value> => {
    const value = await loader.load(key);
    if (value === null) throw new Error(`a row refers to ${key}, which is not there`);
    return value;
  };
}
