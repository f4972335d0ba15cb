import { batched } from '../batched.ts';
import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry, unblockedBy } from '../infra/database/entries.ts';
import { accessColumns, type ChannelAccess, type ReadableChannel, requireReadable } from './access.ts';
import { type Page, type PageRequest, toPage } from './pages.ts';
import { requirePosition, requireReplayable } from './resume.ts';

/** Entries that changed after a position, from one snapshot. */
export interface Changes {
  entries: readonly Entry[];
  /** Position up to which `entries` is complete: the channel's, or the last entry's when there are more. */
  through: number;
  more: boolean;
}

/** A page of a channel's history, and the channel's position in the same snapshot. */
export interface HistoryPage extends Page<Entry> {
  position: number;
}

interface Snapshot extends ChannelAccess {
  channelId: string;
  entries: EntryRow[] | null;
  /** Number of matching rows, counted up to a bound. */
  count: number;
}

/** Greater than every seq and position. */
const beyond = 2_147_483_647;

/**
 * Creates the reads of channels' entries. Each is on behalf of one user: entries of authors whom the user has blocked
 * are left out, and channels that the user may not read yield errors.
 * @param options.maxReplay maximum number of changed entries that a resume may be behind
 */
export function createHistory({ database, maxReplay }: { database: Database; maxReplay: number }) {
  const { query } = database;

  const countAfter = batched(async (pairs: readonly (readonly [channelId: string, after: number])[]) => {
    const rows = await query<{ count: number }>(
      `SELECT (SELECT count(*)::int FROM (SELECT FROM entry e WHERE e.channel_id = w.id AND e.position > w.after LIMIT $3) found)
       FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS w(id, after, n) ORDER BY n`,
      [pairs.map(([channelId]) => channelId), pairs.map(([, after]) => after), maxReplay + 1],
    );
    return rows.map(({ count }) => count);
  });

  return {
    /**
     * Reads the entries that changed after a position, in order of position.
     * @returns by channel; ResyncRequiredError where the changes cannot be complete, NotFoundError or ForbiddenError
     * where the user is not a member
     * @throws BadUserInputError when `after` is negative
     */
    async changesOf(
      channelIds: readonly string[],
      userId: string,
      { after, limit }: { after: number; limit: number },
    ): Promise<Map<string, Changes | Error>> {
      requirePosition(after);
      const rows = { rows: changedRows, parameters: [after, limit, maxReplay + 1] };
      return read(channelIds, userId, rows, ({ channel, entries, count }) => {
        requireReplayable(after, channel, count > maxReplay);
        const more = count > entries.length;
        return { entries, more, through: more ? (entries.at(-1)?.position ?? after) : channel.position };
      });
    },

    /** Returns whether more entries changed after a position than are replayed. */
    async isTooFar(channelId: string, after: number): Promise<boolean> {
      return (await countAfter([channelId, after])) > maxReplay;
    },

    /** Returns entries by their ids, in no order. Access is not checked. */
    async byIds(ids: readonly string[]): Promise<Entry[]> {
      const rows = await query<EntryRow>(`SELECT ${entryColumns} FROM entry e WHERE e.id = ANY($1::uuid[])`, [ids]);
      return rows.map(toEntry);
    },

    /** Returns the newest entry of each channel that has one for this user. Membership is not checked. */
    async lastOf(channelIds: readonly string[], userId: string): Promise<Entry[]> {
      const rows = await query<EntryRow>(
        `SELECT ${entryColumns} FROM unnest($1::uuid[]) AS w(id) CROSS JOIN LATERAL (
           SELECT * FROM entry e WHERE e.channel_id = w.id AND ${unblockedBy('$2')} ORDER BY e.seq DESC LIMIT 1) e`,
        [channelIds, userId],
      );
      return rows.map(toEntry);
    },

    /**
     * Reads a page of each channel's history, in order of seq.
     * @returns by channel; NotFoundError or ForbiddenError where the user is not a member
     */
    pages(
      channelIds: readonly string[],
      userId: string,
      request: PageRequest<number>,
    ): Promise<Map<string, HistoryPage | Error>> {
      const { limit, backward, after, before } = request;
      const rows = pageRows(backward ? 'DESC' : 'ASC');
      return read(
        channelIds,
        userId,
        { rows, parameters: [after ?? 0, limit + 1, before ?? beyond] },
        ({ channel, entries }) => ({ ...toPage(entries, request), position: channel.position }),
      );
    },
  };

  /**
   * Reads rows of several channels in one statement, each channel in one snapshot.
   * @param select.rows SQL over the entries of channel `w.id`, with parameters from `$3` on
   * @param convert makes the result for a channel that the user may read
   * @returns by channel; the error where the user may not read it or `convert` throws
   */
  async function read<Value>(
    channelIds: readonly string[],
    userId: string,
    { rows, parameters }: { rows: string; parameters: readonly unknown[] },
    convert: (snapshot: { channel: ReadableChannel; entries: Entry[]; count: number }) => Value,
  ): Promise<Map<string, Value | Error>> {
    const snapshots = await query<Snapshot>(
      `SELECT w.id AS "channelId", ${accessColumns('$2')}, ${rows} FROM unnest($1::uuid[]) AS w(id)`,
      [channelIds, userId, ...parameters],
    );
    return new Map(
      snapshots.map((snapshot) => [snapshot.channelId, valueOrError(() => convert(toReadable(snapshot)))] as const),
    );
  }
}

export type History = ReturnType<typeof createHistory>;

const changedRows = `
  (SELECT count(*)::int FROM (SELECT FROM entry e WHERE e.channel_id = w.id AND e.position > $3::int
    AND ${unblockedBy('$2')} LIMIT $5) found) AS count,
  (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns} FROM entry e WHERE e.channel_id = w.id AND e.position > $3::int
    AND ${unblockedBy('$2')} ORDER BY e.position LIMIT $4) found) AS entries`;

function pageRows(direction: 'ASC' | 'DESC'): string {
  return `0 AS count, (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns} FROM entry e
    WHERE e.channel_id = w.id AND e.seq > $3::int AND e.seq < $5::int AND ${unblockedBy('$2')} ORDER BY e.seq ${direction} LIMIT $4) found) AS entries`;
}

function toReadable(snapshot: Snapshot) {
  const { entries, count } = snapshot;
  return { channel: requireReadable(snapshot), entries: (entries ?? []).map(toEntry), count };
}

function valueOrError<Value>(make: () => Value): Value | Error {
  try {
    return make();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
