import { batched } from '../batched.ts';
import { BadUserInputError, ResyncRequiredError } from '../errors.ts';
import type { Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import type { Statement } from '../infra/database/statement.ts';
import {
  countChanges,
  type Snapshot,
  selectChanges,
  selectLast,
  selectPages,
  selectStandings,
} from './history-statements.ts';
import { type Page, type PageRequest, toPage } from './pages.ts';
import { type ChannelFacts, type MemberFacts, mayRead } from './policies.ts';
import { rejectionError } from './submit-event.ts';

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

/** A channel that somebody may read, as one snapshot has it. */
export type Admission = ChannelFacts & { position: number; trimmedPosition: number };

/** What the rules need to know of a channel and of somebody in it, in one snapshot. */
export interface Standing {
  channel: Admission | null;
  member: MemberFacts | null;
}

/** Above every seq and position. */
const beyond = 2_147_483_647;

/**
 * How a channel's entries are read: by a user, who gets none of those that users write whom that one has blocked.
 * @param options.maxReplay the most rows that a resume may lie behind
 */
export function createHistory({ database, maxReplay }: { database: Database; maxReplay: number }) {
  const { query } = database;

  /**
   * Reads all channels with one statement, each in one snapshot.
   * @param take what is made of a channel that the user may read
   * @returns by channel; an error for who is no member, or whatever `take` throws
   */
  async function read<Parameters, Value>(
    select: Statement<Snapshot, Parameters>,
    parameters: Parameters,
    take: (snapshot: { channel: Admission; entries: Entry[]; count: number }) => Value,
  ): Promise<Map<string, Value | Error>> {
    const snapshots = await query(select, parameters);
    return new Map(
      snapshots.map((snapshot) => [snapshot.channelId, settle(() => take(toReadable(snapshot)))] as const),
    );
  }

  /**
   * What changed after a position, in order of position; null: nothing yet, from the head on.
   * @returns by channel; ResyncRequiredError where that cannot be complete, NotFoundError or ForbiddenError for who is no
   * member
   */
  async function changesOf(
    channelIds: readonly string[],
    userId: string,
    { after, limit }: { after: number | null; limit: number },
  ): Promise<Map<string, Changes | Error>> {
    refuseNegative(after);
    const parameters = { channelIds, userId, after: after ?? beyond, limit, maxCount: maxReplay + 1 };
    return read(selectChanges, parameters, ({ channel, entries, count }) => {
      const { position: head } = channel;
      if (after !== null) refuseGap(after, channel, count > maxReplay);
      const more = count > entries.length;
      return { entries, head, more, through: more ? (entries.at(-1)?.position ?? after ?? head) : head };
    });
  }

  const standings = batched(async (pairs: readonly (readonly [channelId: string, userId: string])[]) => {
    const [channelIds, userIds] = unzip(pairs);
    return query(selectStandings, { channelIds, userIds });
  });

  const counts = batched(async (pairs: readonly (readonly [channelId: string, after: number])[]) => {
    const [channelIds, afters] = unzip(pairs);
    const rows = await query(countChanges, { channelIds, afters, maxCount: maxReplay + 1 });
    return rows.map(({ count }) => count);
  });

  return {
    changesOf,

    /** A channel, and what somebody is in it, asked for all who ask at the same moment in one statement. */
    standing: (channelId: string, userId: string): Promise<Standing> => standings([channelId, userId]),

    /**
     * Whether more changed after a position than is replayed.
     */
    async isTooFar(channelId: string, after: number): Promise<boolean> {
      return (await counts([channelId, after])) > maxReplay;
    },

    /** Entries by their ids, in no order. Who may read them is not asked here. */
    async byIds(ids: readonly string[]): Promise<Entry[]> {
      const rows = await query(selectEntries, { ids });
      return rows.map(toEntry);
    },

    /** The newest entry of each channel that has one for this reader. */
    async lastOf(channelIds: readonly string[], userId: string): Promise<Entry[]> {
      const rows = await query(selectLast, { channelIds, userId });
      return rows.map(toEntry);
    },

    /**
     * A page of each channel, in order of seq.
     * @returns by channel; NotFoundError or ForbiddenError for who is no member
     */
    pages(
      channelIds: readonly string[],
      userId: string,
      request: PageRequest<number>,
    ): Promise<Map<string, HistoryPage | Error>> {
      const { limit, backward, after, before } = request;
      const parameters = { channelIds, userId, after: after ?? 0, before: before ?? beyond, limit: limit + 1 };
      const select = backward ? selectPages.backward : selectPages.forward;
      return read(select, parameters, ({ channel, entries }) => ({
        ...toPage(entries, request),
        position: channel.position,
      }));
    },
  };
}

/**
 * The channel, for a member.
 * @throws NotFoundError or ForbiddenError for who is none
 */
export function admit({ channel, member }: Standing): Admission {
  const refusal = mayRead(channel, member);
  if (refusal) throw rejectionError(refusal);
  if (channel === null) throw new Error('a channel that may be read is there');
  return channel;
}

function toReadable(snapshot: Snapshot) {
  const { entries, count } = snapshot;
  return { channel: admit(snapshot), entries: (entries ?? []).map(toEntry), count };
}

function unzip<First, Second>(pairs: readonly (readonly [First, Second])[]): [First[], Second[]] {
  return [pairs.map(([first]) => first), pairs.map(([, second]) => second)];
}

function settle<Value>(make: () => Value): Value | Error {
  try {
    return make();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** @throws BadUserInputError */
export function refuseNegative(after: number | null): void {
  if (after !== null && after < 0)
    throw new BadUserInputError([{ path: 'after', message: 'takes a position, 0 or above' }]);
}

/** @throws ResyncRequiredError where what changed after a position cannot be had whole */
export function refuseGap(
  after: number,
  channel: Pick<Admission, 'position' | 'trimmedPosition'>,
  tooFar: boolean,
): void {
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
