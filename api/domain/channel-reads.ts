import type { Channel } from '../../prisma/generated/client.ts';
import type { MemberRole } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { type Page, type PageRequest, pageByTime, type TimeKey, toPage } from './pages.ts';
import type { MemberFacts } from './policies.ts';
import { storable } from './text.ts';

/** An active membership of a channel. */
export interface Membership extends MemberFacts {
  channelId: string;
  userId: string;
  role: MemberRole;
  joinedAt: Date;
  /** Seq up to which the member has seen the channel. */
  seenSeq: number;
}

const channelColumns = `c.id, c.kind, c.visibility, c.name, c.created_at AS "createdAt", c.closed_at AS "closedAt", c.seq,
  c.position, c.trimmed_position AS "trimmedPosition", c.version, c.member_count AS "memberCount",
  c.last_activity_at AS "lastActivityAt"`;
const memberColumns = `m.channel_id AS "channelId", m.user_id AS "userId", m.role, m.state, m.revision,
  m.joined_at AS "joinedAt", greatest(m.joined_seq, s.seq) AS "seenSeq"`;
const memberTables = `member m LEFT JOIN seen_mark s ON s.channel_id = m.channel_id AND s.user_id = m.user_id`;
const activity = { at: 'c.last_activity_at', id: 'c.id', ascending: false };
const seniority = { at: 'm.joined_at', id: 'm.user_id', ascending: true };
/** Maximum number of members of one channel that `memberIds` returns. */
const maxMemberIds = 1_000;

/** Creates the reads of channels and memberships; each is one query for all of its keys. */
export function createChannelReads({ query, prisma }: Database) {
  return {
    /** Returns channels by their ids, in no order. Access is not checked. */
    byIds: (ids: readonly string[]): Promise<Channel[]> => prisma.channel.findMany({ where: { id: { in: [...ids] } } }),

    /** Returns active memberships, in no order. @param keys `channelId:userId` */
    memberships(keys: readonly string[]): Promise<Membership[]> {
      const pairs = keys.map((key) => key.split(':'));
      return query<Membership>(
        `SELECT ${memberColumns} FROM ${memberTables}
         JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[]) AS k(channel_id, user_id)) k
           ON k.channel_id = m.channel_id AND k.user_id = m.user_id
         WHERE m.state = 'ACTIVE'`,
        [pairs.map(([channelId]) => channelId), pairs.map(([, userId]) => userId)],
      );
    },

    /** Returns the other user of each direct channel or match that a user is a member of. */
    peers(userId: string, channelIds: readonly string[]): Promise<{ channelId: string; userId: string }[]> {
      return query(
        `SELECT m.channel_id AS "channelId", m.user_id AS "userId" FROM member m
         JOIN channel c ON c.id = m.channel_id AND c.kind <> 'ROOM'
         JOIN member own ON own.channel_id = m.channel_id AND own.user_id = $1 AND own.state = 'ACTIVE'
         WHERE m.channel_id = ANY($2::uuid[]) AND m.user_id <> $1`,
        [userId, channelIds],
      );
    },

    /** Returns the active members of each channel, longest membership first, at most 1,000 of each. */
    memberIds(channelIds: readonly string[]): Promise<{ channelId: string; userIds: string[] }[]> {
      return query(
        `SELECT c.id AS "channelId", array(SELECT m.user_id FROM member m WHERE m.channel_id = c.id AND m.state = 'ACTIVE'
           ORDER BY m.joined_at, m.user_id LIMIT ${maxMemberIds}) AS "userIds"
         FROM unnest($1::uuid[]) AS c(id)`,
        [channelIds],
      );
    },

    /** Reads a page of each channel's members, longest membership first. */
    async members(
      channelIds: readonly string[],
      request: PageRequest<TimeKey>,
    ): Promise<Map<string, Page<Membership>>> {
      const { where, order, parameters } = pageByTime(request, seniority, 2);
      const rows = await query<Membership>(
        `SELECT found.* FROM unnest($1::uuid[]) AS w(id) CROSS JOIN LATERAL (SELECT ${memberColumns} FROM ${memberTables}
           WHERE m.channel_id = w.id AND m.state = 'ACTIVE' AND ${where} ${order}) found`,
        [channelIds, ...parameters],
      );
      const ofChannel = (id: string) => rows.filter(({ channelId }) => channelId === id);
      return new Map(channelIds.map((id) => [id, toPage(ofChannel(id), request)]));
    },

    /** Reads a page of the open public rooms, latest activity first. @param search part of the name, in any case */
    async rooms(search: string | null, request: PageRequest<TimeKey>): Promise<Page<Channel>> {
      const { where, order, parameters } = pageByTime(request, activity, 2);
      const rows = await query<Channel>(
        `SELECT ${channelColumns} FROM channel c
         WHERE c.kind = 'ROOM' AND c.visibility = 'PUBLIC' AND c.closed_at IS NULL
           AND ($1::text IS NULL OR strpos(lower(c.name), lower($1)) > 0) AND ${where} ${order}`,
        [search === null ? null : storable(search), ...parameters],
      );
      return toPage(rows, request);
    },

    /** Reads a page of a user's channels, latest activity first. */
    async ofUser(userId: string, request: PageRequest<TimeKey>): Promise<Page<Channel>> {
      const { where, order, parameters } = pageByTime(request, activity, 2);
      const rows = await query<Channel>(
        `SELECT ${channelColumns} FROM channel c JOIN member m ON m.channel_id = c.id
         WHERE m.user_id = $1 AND m.state = 'ACTIVE' AND ${where} ${order}`,
        [userId, ...parameters],
      );
      return toPage(rows, request);
    },
  };
}
