import type { ChannelOfUser } from '../api/domain/channel-of-user.ts';
import type { HistoryAround, MessageOfUser } from '../api/domain/history-around.ts';
import type { Page, PageRequest, TimeKey } from '../api/domain/pages.ts';
import type { Reaction } from '../api/domain/reactions.ts';
import type { SeenByMember } from '../api/domain/unread-of-members.ts';
import type { Entry } from '../api/events.ts';
import { byKey, byRequest, type Owner, required } from './batch-loaders.ts';

/** Rows that a statement reads, as the equivalent of rows that it returns, where it returns one for each channel. */
const rowsOfUnread = 10;
const rowsOfMentions = 4;
const rowsOfVersions = 4;
const rowsOfPinned = 5;
const rowsOfUnreadInAll = 50;
/** The same for lists of blocked users, each of which takes a statement of its own. */
const rowsOfBlocked = 100;
/** Rows that a page around a message reads for each of its entries: it is taken from as many on both sides. */
const rowsOfAround = 2;

/** Loaders of values that are the same for every viewer. */
export const commonMakers = {
  user: (owner: Owner) =>
    byKey(
      owner,
      (ids) => owner.domain.accounts.byIds(ids, owner.reader),
      ({ id }) => id,
    ),
  author: (owner: Owner) =>
    required(
      byKey(
        owner,
        (ids) => owner.domain.accounts.authors(ids),
        ({ id }) => id,
      ),
    ),
  channel: (owner: Owner) =>
    byKey(
      owner,
      (ids) => owner.domain.channels.byIds(ids, owner.reader),
      ({ id }) => id,
    ),
  online: (owner: Owner) =>
    byKey(
      owner,
      async (ids) => [...(await owner.domain.presence.online(ids))],
      (id) => id,
    ),
  /** Online members, by channel. */
  onlineMembers: (owner: Owner) =>
    byKey(
      owner,
      (channelIds) => Promise.all(channelIds.map(owner.domain.onlineMembers.of)),
      ({ channelId }) => channelId,
    ),
  /** Active and invited memberships, keyed `channelId:userId`. */
  membership: (owner: Owner) =>
    byKey(owner, (keys) => owner.domain.channels.memberships(keys.map(toPair), owner.reader), pairKey),
  /** Pages of members. */
  members: (owner: Owner) =>
    byRequest(
      owner,
      ({ channelId }: { channelId: string }) => channelId,
      (keys, request: PageRequest<TimeKey>) =>
        owner.domain.channels.members(
          keys.map(({ channelId }) => channelId),
          request,
          owner.reader,
        ),
    ),
  entry: (owner: Owner) =>
    byKey(
      owner,
      (ids) => owner.domain.messages.byIds(ids),
      ({ id }) => id,
    ),
  /** Earlier texts, by message. */
  versions: (owner: Owner) =>
    byKey(
      owner,
      (ids) => owner.domain.messageVersions.of(ids, owner.reader),
      ({ id }) => id,
      rowsOfVersions,
    ),
  /** Lists of the users that users have blocked. */
  blockedUsers: (owner: Owner) =>
    byKey(
      owner,
      (ids) => Promise.all(ids.map(async (id) => ({ id, users: await owner.domain.moderation.blockedBy(id) }))),
      ({ id }) => id,
      rowsOfBlocked,
    ),
  /** Numbers of unread messages over all channels, by user. */
  unreadInAll: (owner: Owner) =>
    byKey(
      owner,
      (ids) => owner.domain.receipts.unreadInAll(ids, owner.reader),
      ({ userId }) => userId,
      rowsOfUnreadInAll,
    ),
};

/** Loaders of values that depend on the viewer, whom their keys name. */
export const viewedMakers = {
  /** Blocks, keyed `blockedId:blockerId`. */
  blocked: (owner: Owner) =>
    byKey(
      owner,
      (keys) =>
        owner.domain.moderation.blocksAmong(
          keys.map(toPair).map((pair) => ({ blockedId: pair.channelId, blockerId: pair.userId })),
        ),
      ({ blockedId, blockerId }) => `${blockedId}:${blockerId}`,
    ),
  /** Reactions, keyed `messageId:userId:emoji`. */
  reaction: (owner: Owner) =>
    byKey(
      owner,
      (keys) => owner.domain.reactions.existing(keys.map(toReaction), owner.reader),
      ({ messageId, userId, emoji }) => `${messageId}:${userId}:${emoji}`,
    ),
  /** The other members of direct channels and matches, keyed `channelId:userId`. */
  peer: (owner: Owner) => byKey(owner, (keys) => owner.domain.channels.peers(keys.map(toPair), owner.reader), pairKey),
  /** Memberships, also those that ended, keyed `channelId:userId`. */
  standing: (owner: Owner) =>
    byKey(owner, (keys) => owner.domain.channels.standings(keys.map(toPair), owner.reader), pairKey),
  /** Unread messages, keyed `channelId:userId`. */
  unread: (owner: Owner) =>
    byKey(owner, (keys) => owner.domain.receipts.unread(keys.map(toPair), owner.reader), pairKey, rowsOfUnread),
  /** Numbers of unread messages that mention the user, keyed `channelId:userId`. */
  mentions: (owner: Owner) =>
    byKey(owner, (keys) => owner.domain.receipts.mentions(keys.map(toPair), owner.reader), pairKey, rowsOfMentions),
  /** Numbers of unread messages in a list round, keyed `channelId:userId:seenSeq`. */
  unreadCount: (owner: Owner) =>
    byKey(
      owner,
      (keys) => owner.domain.receipts.unreadCounts(keys.map(toSeen), owner.reader),
      ({ seenSeq, ...pair }) => `${pairKey(pair)}:${seenSeq}`,
    ),
  /** Newest entries, keyed `channelId:userId`. */
  lastEntry: (owner: Owner) =>
    byKey(owner, (keys) => owner.domain.messages.lastOf(keys.map(toPair), owner.reader), pairKey),
  /** Pinned entries, keyed `channelId:userId`. */
  pinned: (owner: Owner) =>
    byKey(owner, (keys) => owner.domain.pins.of(keys.map(toPair), owner.reader), pairKey, rowsOfPinned),
  /** Pages of history; an error for channels that the user is not a member of. */
  history: (owner: Owner) =>
    byRequest(owner, pairKey, async (pairs: readonly ChannelOfUser[], request: PageRequest<number>) =>
      byPair(await owner.domain.messages.pages(pairs, request, owner.reader)),
    ),
  /** Pages around messages; null for channels that the user is not a member of, an error for messages that the user may not read. */
  historyAround: (owner: Owner) =>
    byRequest(
      owner,
      messageKey,
      async (asked: readonly MessageOfUser[], { limit }: { limit: number }) => {
        const found = await owner.domain.messages.pagesAround(asked, limit, owner.reader);
        const known = found.flatMap((row): [string, HistoryAround | Error][] =>
          row.value ? [[messageKey(row), row.value]] : [],
        );
        return new Map(known);
      },
      rowsOfAround,
    ),
  /** Pages of replies to messages; null for channels that the user is not a member of. */
  replies: (owner: Owner) =>
    byRequest(owner, messageKey, async (asked: readonly MessageOfUser[], request: PageRequest<number>) => {
      const found = await owner.domain.replies.pages(asked, request, owner.reader);
      const known = found.flatMap((row): [string, Page<Entry>][] => (row.value ? [[messageKey(row), row.value]] : []));
      return new Map(known);
    }),
  /** Pages of changes; an error for channels that the user is not a member of. */
  changes: (owner: Owner) =>
    byRequest(owner, pairKey, async (pairs: readonly ChannelOfUser[], request: { after: number; limit: number }) =>
      byPair(await owner.domain.messages.changesOf(pairs, request, owner.reader)),
    ),
};

function pairKey({ channelId, userId }: ChannelOfUser): string {
  return `${channelId}:${userId}`;
}

function messageKey({ messageId, ...pair }: MessageOfUser): string {
  return `${pairKey(pair)}:${messageId}`;
}

/** Reads a key of `pairKey`. */
function toPair(key: string): ChannelOfUser {
  const [channelId = '', userId = ''] = key.split(':');
  return { channelId, userId };
}

/** Reads a key of `reaction`. */
function toReaction(key: string): Reaction {
  const [messageId = '', userId = '', emoji = ''] = key.split(':');
  return { messageId, userId, emoji };
}

/** Reads a key of `unreadCount`. */
function toSeen(key: string): SeenByMember {
  return { ...toPair(key), seenSeq: Number(key.split(':')[2]) };
}

function byPair<Value>(rows: readonly (ChannelOfUser & { value: Value })[]): Map<string, Value> {
  return new Map(rows.map((row) => [pairKey(row), row.value]));
}
