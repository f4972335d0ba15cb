import { batched } from '../batched.ts';
import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import type { Statement } from '../infra/database/statement.ts';
import { requireReadable } from './access.ts';
import { type ChannelOfUser, toColumns } from './channel-of-user.ts';
import {
  countChanges,
  type Snapshot,
  selectChanges,
  selectLast,
  selectPages,
  selectPinned,
} from './history-statements.ts';
import { type Page, type PageRequest, toPage } from './pages.ts';
import { readableStart } from './policies.ts';
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
  /** Seq of the first entry that the user can read; 0 for the whole history. */
  startSeq: number;
}

/** Value read from a channel for one user; an error if the user may not read it. */
interface ReadOfUser<Value> extends ChannelOfUser {
  value: Value | Error;
}

/** Greater than every seq and position. */
export const beyond = 2_147_483_647;

/**
 * Creates the reads of channels' entries. Each is on behalf of users: entries that the user cannot see are left
 * out, and channels that the user may not read yield errors.
 * @param options.maxReplay maximum number of changed entries that a resume may be behind
 */
export function createHistory({ database, maxReplay }: { database: Database; maxReplay: number }) {
  const { query, read } = database;

  const countAfter = batched(async (pairs: readonly (readonly [channelId: string, after: number])[]) => {
    const rows = await query(countChanges, {
      channelIds: pairs.map(([channelId]) => channelId),
      afters: pairs.map(([, after]) => after),
      maxCount: maxReplay + 1,
    });
    return rows.map(({ count }) => count);
  });

  return {
    /**
     * Reads the entries that changed after a position, in order of position, in channels for users.
     * @param reader key of the user who waits for it
     * @returns in no order; ResyncRequiredError where the changes cannot be complete, NotFoundError or ForbiddenError
     * where the user is not a member
     * @throws BadUserInputError when `after` is negative
     */
    async changesOf(
      pairs: readonly ChannelOfUser[],
      { after, limit }: { after: number; limit: number },
      reader: string,
    ): Promise<ReadOfUser<Changes>[]> {
      requirePosition(after);
      const parameters = { ...toColumns(pairs), after, limit: limit + 1, maxCount: maxReplay + 1 };
      return readChannels(selectChanges, parameters, reader, ({ channel, start, entries, count }) => {
        requireReplayable(Math.max(after, start.position - 1), channel, count > maxReplay);
        const page = entries.slice(0, limit);
        const more = entries.length > limit;
        return { entries: page, more, through: more ? (page.at(-1)?.position ?? after) : channel.position };
      });
    },

    /** Returns whether more entries changed after a position than are replayed. */
    async isTooFar(channelId: string, after: number): Promise<boolean> {
      return (await countAfter([channelId, after])) > maxReplay;
    },

    /** Returns entries by their ids, in no order. Access is not checked. */
    async byIds(ids: readonly string[]): Promise<Entry[]> {
      const rows = await query(selectEntries, { ids });
      return rows.map(toEntry);
    },

    /**
     * Returns the newest entry of each channel that has one for a user, in no order. Membership is not checked.
     * @param reader key of the user who waits for it
     */
    async lastOf(
      pairs: readonly ChannelOfUser[],
      reader: string,
    ): Promise<{ channelId: string; userId: string; entry: Entry }[]> {
      const rows = await read(reader, selectLast, toColumns(pairs));
      return rows.map(({ viewerId, ...row }) => ({ channelId: row.channelId, userId: viewerId, entry: toEntry(row) }));
    },

    /**
     * Returns the pinned entries of channels that have some for a user, the newest pin first. Membership is not checked.
     * @param reader key of the user who waits for it
     */
    async pinnedOf(
      pairs: readonly ChannelOfUser[],
      reader: string,
    ): Promise<{ channelId: string; userId: string; entries: Entry[] }[]> {
      const found = new Map<string, { channelId: string; userId: string; entries: Entry[] }>();
      for (const { viewerId: userId, ...row } of await read(reader, selectPinned, toColumns(pairs))) {
        const { channelId } = row;
        const key = `${channelId}:${userId}`;
        const { entries } = found.get(key) ?? { entries: [] };
        found.set(key, { channelId, userId, entries: [...entries, toEntry(row)] });
      }
      return [...found.values()];
    },

    /**
     * Reads a page of the history of channels for users, in order of seq.
     * @param reader key of the user who waits for it
     * @returns in no order; NotFoundError or ForbiddenError where the user is not a member
     */
    pages(
      pairs: readonly ChannelOfUser[],
      request: PageRequest<number>,
      reader: string,
    ): Promise<ReadOfUser<HistoryPage>[]> {
      const { limit, after, before } = request;
      const parameters = { ...toColumns(pairs), after: after ?? 0, before: before ?? beyond, limit: limit + 1 };
      return readChannels(selectPages(request), parameters, reader, ({ channel, start, entries }) => ({
        ...toPage(entries, request),
        position: channel.position,
        startSeq: start.seq,
      }));
    },
  };

  /**
   * Reads several channels with one statement, each channel in one snapshot.
   * @param convert makes the result for a channel that the user may read
   * @returns the error where the user may not read it or `convert` throws
   */
  async function readChannels<Parameters, Value>(
    select: Statement<Snapshot, Parameters>,
    parameters: Parameters,
    reader: string,
    convert: (snapshot: ReturnType<typeof toReadable>) => Value,
  ): Promise<ReadOfUser<Value>[]> {
    const snapshots = await read(reader, select, parameters);
    return snapshots.map((snapshot) => ({
      channelId: snapshot.channelId,
      userId: snapshot.userId,
      value: valueOrError(() => convert(toReadable(snapshot))),
    }));
  }
}

export type History = ReturnType<typeof createHistory>;

function toReadable(snapshot: Snapshot) {
  const { entries, count } = snapshot;
  const start = readableStart(snapshot.member);
  return { channel: requireReadable(snapshot), start, entries: (entries ?? []).map(toEntry), count };
}

function valueOrError<Value>(make: () => Value): Value | Error {
  try {
    return make();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
