import { BadUserInputError, ResyncRequiredError } from '../errors.ts';
import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import { toError } from './outcomes.ts';
import type { Page, PageRequest } from './pages.ts';
import { type ChannelFacts, type MemberFacts, mayRead } from './policies.ts';

/** Entries that changed after a position, as one snapshot has them. */
export interface Changes {
  entries: readonly Entry[];
  /** The channel's head in that snapshot: what permission was read at. */
  head: number;
  /** Complete up to here: the head, or the last entry's position where there are more. */
  through: number;
  more: boolean;
}

/** A page of a channel's history, and the channel's head in the same snapshot. */
export interface HistoryPage extends Page<Entry> {
  position: number;
}

interface Snapshot {
  channel: (ChannelFacts & { position: number; trimmedPosition: number }) | null;
  member: MemberFacts | null;
  entries: EntryRow[] | null;
  /** How many rows there are, counted up to a bound. */
  count: number;
}

/** What one statement reads beside the rows, so that they are complete up to the head and allowed to this reader. */
const facts = `
  (SELECT jsonb_build_object('kind', c.kind, 'visibility', c.visibility, 'closedAt', c.closed_at, 'position', c.position,
    'trimmedPosition', c.trimmed_position) FROM channel c WHERE c.id = $1) AS channel,
  (SELECT jsonb_build_object('role', m.role, 'state', m.state, 'revision', m.revision)
    FROM member m WHERE m.channel_id = $1 AND m.user_id = $2) AS member`;
/** Above every seq and position. */
const beyond = 2_147_483_647;

/**
 * How a channel's entries are read.
 * @param options.maxReplay the most rows that a resume may lie behind
 */
export function createHistory({ database, maxReplay }: { database: Database; maxReplay: number }) {
  const { query } = database;

  /** @param where SQL over `e`, with parameters from `$3` on */
  async function read(channelId: string, userId: string, rows: string, parameters: readonly unknown[]) {
    const [snapshot] = await query<Snapshot>(`SELECT ${facts}, ${rows}`, [channelId, userId, ...parameters]);
    const refusal = mayRead(snapshot?.channel ?? null, snapshot?.member ?? null);
    if (refusal) throw toError(refusal);
    if (!snapshot?.channel) throw new Error('a channel that may be read is there');
    return { channel: snapshot.channel, entries: (snapshot.entries ?? []).map(toEntry), count: snapshot.count };
  }

  /**
   * What changed after a position, in order of position; null: nothing yet, from the head on.
   * @throws ResyncRequiredError where that cannot be complete; NotFoundError or ForbiddenError for who is no member
   */
  async function changes(channelId: string, userId: string, after: number | null, limit: number): Promise<Changes> {
    if (after !== null && after < 0)
      throw new BadUserInputError([{ path: 'after', message: 'takes a position, 0 or above' }]);
    const { channel, entries, count } = await read(channelId, userId, changedRows, [
      after ?? beyond,
      limit,
      maxReplay + 1,
    ]);
    const { position: head } = channel;
    if (after !== null) refuseGap(after, channel, count > maxReplay);
    const more = count > entries.length;
    return { entries, head, more, through: more ? (entries.at(-1)?.position ?? after ?? head) : head };
  }

  return {
    changes,

    /** Entries by their ids, in no order. Who may read them is not asked here. */
    async byIds(ids: readonly string[]): Promise<Entry[]> {
      const rows = await query<EntryRow>(`SELECT ${entryColumns} FROM entry e WHERE e.id = ANY($1::uuid[])`, [ids]);
      return rows.map(toEntry);
    },

    /** The newest entry of each channel that has one. */
    async lastOf(channelIds: readonly string[]): Promise<Entry[]> {
      const rows = await query<EntryRow>(
        `SELECT ${entryColumns} FROM channel c JOIN entry e ON e.channel_id = c.id AND e.seq = c.seq WHERE c.id = ANY($1::uuid[])`,
        [channelIds],
      );
      return rows.map(toEntry);
    },

    /**
     * A page in order of seq.
     * @throws NotFoundError or ForbiddenError for who is no member
     */
    async page(channelId: string, userId: string, request: PageRequest<number>): Promise<HistoryPage> {
      const { limit, backward, after, before } = request;
      const rows = pageRows(backward ? 'DESC' : 'ASC');
      const { channel, entries } = await read(channelId, userId, rows, [after ?? 0, limit + 1, before ?? beyond]);
      const items = entries.slice(0, limit);
      return { items: backward ? items.reverse() : items, hasMore: entries.length > limit, position: channel.position };
    },
  };
}

const changedRows = `
  (SELECT count(*)::int FROM (SELECT FROM entry e WHERE e.channel_id = $1 AND e.position > $3::int LIMIT $5) found) AS count,
  (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns} FROM entry e WHERE e.channel_id = $1 AND e.position > $3::int
    ORDER BY e.position LIMIT $4) found) AS entries`;

function pageRows(direction: 'ASC' | 'DESC'): string {
  return `0 AS count, (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns} FROM entry e
    WHERE e.channel_id = $1 AND e.seq > $3::int AND e.seq < $5::int ORDER BY e.seq ${direction} LIMIT $4) found) AS entries`;
}

function refuseGap(after: number, channel: { position: number; trimmedPosition: number }, tooFar: boolean): void {
  const why =
    after > channel.position
      ? 'lies beyond the newest change'
      : after < channel.trimmedPosition
        ? 'was trimmed by retention'
        : tooFar
          ? 'is further back than is replayed'
          : null;
  if (why === null) return;
  throw new ResyncRequiredError(
    `Position ${after} ${why}: drop what is cached of the channel, load its newest page and subscribe from that page's position.`,
  );
}
