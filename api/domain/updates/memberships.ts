import { batched } from '../../batched.ts';
import type { Database } from '../../infra/database/database.ts';
import { readableSeq } from '../../infra/database/entries.ts';
import { statement } from '../../infra/database/statement.ts';
import { columns } from '../../infra/database/table.ts';
import { tables } from '../../infra/database/tables.ts';
import { arrayOf, int4, nullable, uuid } from '../../infra/database/types.ts';

/** A channel of a user. */
interface FoundChannel {
  /** Null for rooms that ask the user, who may not read them. */
  position: number | null;
  /** Seq of the first entry that the user can read. */
  readableFrom: number;
}

/** The channels of a user in one snapshot, by their ids. */
export type Memberships = ReadonlyMap<string, FoundChannel>;

/** Reads the memberships and blocks that live streams know. */
export interface MembershipSource {
  /** Returns the channels of a user. Results come in the order of the calls. */
  read(userId: string): Promise<Memberships>;
  /** Returns the ids of those channels among a user's in which one of some other users is or was a member. */
  shared(channelIds: readonly string[], userIds: readonly string[]): Promise<readonly string[]>;
  /** Returns the ids of the users whom a user has blocked. */
  blocked(userId: string): Promise<readonly string[]>;
}

/** Key of live streams among the readers of the database. */
const reader = 'updates';
/** Maximum number of users whose memberships one statement reads. */
const usersOfStatement = 100;

/**
 * Reads memberships from the database. Reads that are asked for at the same time share statements, which run one after another, so
 * that an older state never follows a newer one.
 */
export function createMemberships({ read }: Pick<Database, 'read'>): MembershipSource {
  return {
    read: batched(readAll),
    async shared(channelIds, userIds) {
      const rows = await read(reader, selectShared, { channelIds, userIds });
      return rows.map(({ channelId }) => channelId);
    },
    blocked: batched(readBlocked),
  };

  async function readBlocked(userIds: readonly string[]): Promise<string[][]> {
    const rows = await read(reader, selectBlocked, { userIds });
    const found = new Map(rows.map(({ blockerId, blockedIds }) => [blockerId, [...blockedIds]]));
    return userIds.map((userId) => found.get(userId) ?? []);
  }

  async function readAll(userIds: readonly string[]): Promise<Memberships[]> {
    const found = new Map<string, Map<string, FoundChannel>>();
    for (let from = 0; from < userIds.length; from += usersOfStatement) {
      const rows = await read(reader, selectMemberships, { userIds: userIds.slice(from, from + usersOfStatement) });
      for (const { userId, channelId, ...channel } of rows) {
        const ofUser = found.get(userId) ?? new Map<string, FoundChannel>();
        found.set(userId, ofUser.set(channelId, channel));
      }
    }
    return userIds.map((userId) => found.get(userId) ?? new Map());
  }
}

const membership = columns(tables.member, 'm', ['userId', 'channelId']);
const block = columns(tables.block, 'b', ['blockerId']);

const selectMemberships = statement({
  sql: `
    SELECT ${membership.list}, CASE WHEN m.state = 'ACTIVE' OR c.kind = 'DIRECT' THEN c.position END AS position,
      ${readableSeq('m')} AS "readableFrom"
    FROM member m JOIN channel c ON c.id = m.channel_id
    WHERE m.user_id = ANY($userIds) AND m.state IN ('ACTIVE', 'INVITED')`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...membership.row, position: nullable(int4), readableFrom: int4 },
});

const sharedChannel = columns(tables.member, 'm', ['channelId']);

const selectShared = statement({
  sql: `
    SELECT DISTINCT ${sharedChannel.list} FROM member m
    WHERE m.user_id = ANY($userIds) AND m.channel_id = ANY($channelIds)`,
  parameters: { userIds: arrayOf(uuid), channelIds: arrayOf(uuid) },
  row: sharedChannel.row,
});

const selectBlocked = statement({
  sql: `
    SELECT ${block.list}, array_agg(b.blocked_id) AS "blockedIds" FROM block b
    WHERE b.blocker_id = ANY($userIds) GROUP BY b.blocker_id`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...block.row, blockedIds: arrayOf(tables.block.columns.blockedId) },
});
