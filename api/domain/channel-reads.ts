import type { Channel } from '../../prisma/generated/client.ts';
import type { MemberRole } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import {
  selectChannelsOfUser,
  selectMemberIds,
  selectMembers,
  selectMemberships,
  selectPeers,
  selectRooms,
} from './channel-statements.ts';
import { type Page, type PageRequest, type TimeKey, toPage, toTimePage } from './pages.ts';
import type { MemberFacts } from './policies.ts';
import { storable } from './text.ts';

/** What an active member is in one channel. */
export interface Membership extends MemberFacts {
  channelId: string;
  userId: string;
  role: MemberRole;
  joinedAt: Date;
  /** Everything up to this seq has been seen by the member. */
  seenSeq: number;
}

/** What `online` of a channel looks at, at most. */
const maxMemberIds = 1_000;

/** How channels and memberships are read: each in one query, however many are asked for. */
export function createChannelReads({ query, prisma }: Database) {
  return {
    /** The channels of these ids, in no order. Who may know of them is not asked here. */
    byIds: (ids: readonly string[]): Promise<Channel[]> => prisma.channel.findMany({ where: { id: { in: [...ids] } } }),

    /** Active memberships by `channel:user`. */
    memberships(keys: readonly string[]): Promise<Membership[]> {
      const pairs = keys.map((key) => key.split(':'));
      const [channelIds, userIds] = [pairs.map(([id = '']) => id), pairs.map(([, id = '']) => id)];
      return query(selectMemberships, { channelIds, userIds });
    },

    /** The other one of each direct or match channel that a user is or was in. */
    peers(userId: string, channelIds: readonly string[]): Promise<{ channelId: string; userId: string }[]> {
      return query(selectPeers, { userId, channelIds });
    },

    /** Active members of each channel, longest standing first, at most 1,000 of each. */
    memberIds(channelIds: readonly string[]): Promise<{ channelId: string; userIds: string[] }[]> {
      return query(selectMemberIds, { channelIds, limit: maxMemberIds });
    },

    /** A page of the members of each channel, longest standing first. */
    async members(
      channelIds: readonly string[],
      request: PageRequest<TimeKey>,
    ): Promise<Map<string, Page<Membership>>> {
      const rows = await query(selectMembers(request), { channelIds, ...toTimePage(request) });
      const ofChannel = (id: string) => rows.filter(({ channelId }) => channelId === id);
      return new Map(channelIds.map((id) => [id, toPage(ofChannel(id), request)]));
    },

    /** Open public rooms, newest activity first. */
    async rooms(search: string | null, request: PageRequest<TimeKey>): Promise<Page<Channel>> {
      const text = search === null ? null : storable(search);
      const rows = await query(selectRooms(request), { search: text, ...toTimePage(request) });
      return toPage(rows, request);
    },

    /** A user's channels, latest activity first. */
    async ofUser(userId: string, request: PageRequest<TimeKey>): Promise<Page<Channel>> {
      const rows = await query(selectChannelsOfUser(request), { userId, ...toTimePage(request) });
      return toPage(rows, request);
    },
  };
}
