import type { Channel } from '../../prisma/generated/client.ts';
import type { MemberRole } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { readText } from '../text/text-kinds.ts';
import type { MemberFacts } from './channel-facts.ts';
import { type ChannelOfUser, toColumns } from './channel-of-user.ts';
import {
  type ListKey,
  selectChannels,
  selectChannelsOfUser,
  selectMembers,
  selectMemberships,
  selectPeers,
  selectRooms,
  selectStandings,
} from './channel-statements.ts';
import { type Page, type PageRequest, type TimeKey, toPage, toTimePage } from './pages.ts';
import type { Preferences } from './preferences.ts';

/** An active or invited membership of a channel. */
export interface Membership extends MemberFacts, Preferences {
  channelId: string;
  userId: string;
  role: MemberRole;
  /** Id of the user who invited the member. */
  invitedBy: string | null;
  joinedAt: Date;
  /** Seq up to which the member has seen the channel. */
  seenSeq: number;
}

/**
 * Creates the reads of channels and memberships; each is one query for all of its keys. `reader` is the id of the user who
 * waits for it.
 */
export function createChannelReads({ read }: Pick<Database, 'read'>) {
  return {
    /** Returns channels by their ids, in no order. Access is not checked. */
    byIds: (ids: readonly string[], reader: string): Promise<Channel[]> => read(reader, selectChannels, { ids }),

    /** Returns active and invited memberships, in no order. */
    memberships(pairs: readonly ChannelOfUser[], reader: string): Promise<Membership[]> {
      return read(reader, selectMemberships, toColumns(pairs));
    },

    /** Returns memberships, also those that ended, in no order, and whether a block keeps the user from writing. */
    standings(
      pairs: readonly ChannelOfUser[],
      reader: string,
    ): Promise<(ChannelOfUser & MemberFacts & { isBlocked: boolean })[]> {
      return read(reader, selectStandings, toColumns(pairs));
    },

    /** Returns the other user of each direct channel or match for its member, in no order. */
    peers(pairs: readonly ChannelOfUser[], reader: string): Promise<(ChannelOfUser & { peerId: string })[]> {
      return read(reader, selectPeers, toColumns(pairs));
    },

    /** Reads a page of each channel's members, longest membership first. */
    async members(
      channelIds: readonly string[],
      request: PageRequest<TimeKey>,
      reader: string,
    ): Promise<Map<string, Page<Membership>>> {
      const rows = await read(reader, selectMembers(request), { channelIds, ...toTimePage(request) });
      const ofChannel = (id: string) => rows.filter(({ channelId }) => channelId === id);
      return new Map(channelIds.map((id) => [id, toPage(ofChannel(id), request)]));
    },

    /** Reads a page of the open public rooms, latest activity first. @param search part of the name */
    async rooms(search: string | null, request: PageRequest<TimeKey>, reader: string): Promise<Page<Channel>> {
      const term = search === null ? null : readText('searchTerm', search, 'search').value;
      const rows = await read(reader, selectRooms(request), { search: term, ...toTimePage(request) });
      return toPage(rows, request);
    },

    /** Reads a page of a user's channels: pinned ones first, latest activity first. @param archived whether to include archived ones */
    async ofUser(
      userId: string,
      request: PageRequest<ListKey>,
      archived: boolean,
    ): Promise<Page<Channel & Pick<ListKey, 'isPinned'>>> {
      const rows = await read(userId, selectChannelsOfUser(request), {
        userId,
        archived,
        afterPinned: request.after?.isPinned ?? null,
        beforePinned: request.before?.isPinned ?? null,
        ...toTimePage(request),
      });
      return toPage(rows, request);
    },
  };
}

/** The reads of channels, made by `createChannelReads`. */
export type ChannelReads = ReturnType<typeof createChannelReads>;
