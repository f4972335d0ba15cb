import { batched } from '../batched.ts';
import { BadUserInputError, ForbiddenError, NotFoundError, UnavailableError } from '../errors.ts';
import type { Entry, Rejection } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { selectAccess } from './access-statements.ts';
import type { Capability } from './capabilities.ts';
import { type ChannelFacts, isPublicRoom, type MemberFacts } from './channel-facts.ts';
import type { LogGuard } from './log-guard.ts';
import {
  may,
  mayDelete,
  mayRead,
  mayReport,
  maySend,
  mayTakePart,
  noLongerMember,
  type ReadableStart,
  readableStart,
} from './policies.ts';
import { rejectionError } from './submit-event.ts';

/*
 * The one place that decides who may see and change channels, messages and files. It applies the rules of
 * `policies.ts` to facts from the database; the schema, live delivery and uploads ask here. Two rules
 * also exist as SQL: `visibleTo` in infra/database/entries.ts (blocks, and the beginning of a member's history), because histories and
 * counts filter by it, and `blockInDirect` in infra/database/blocks.ts, because the bridge places batches of sends by it.
 */

/** A channel that a user may read, in one snapshot. */
export type ReadableChannel = ChannelFacts & { position: number; trimmedPosition: number };

/** A channel and one user's membership of it, in one snapshot; each is null where there is none. */
export interface ChannelAccess {
  channel: ReadableChannel | null;
  member: MemberFacts | null;
}

/** A channel that a user may read, and the user's place in it. */
export interface ReadAccess extends ReadableChannel {
  /** Whether the user is asked for it and has not accepted. */
  isInvited: boolean;
  /** Beginning of the history that the user can read, and whether another role moves it. */
  start: ReadableStart;
  mayStartMove: boolean;
}

/** The reader of a result. Facts are looked up when a rule needs them, so that the caller can batch and cache. */
export interface ReaderFacts {
  /** Null when a result is made for all members of a channel, or nobody is signed in. */
  userId: string | null;
  /** Whether the reader is a member of a channel, is asked for it and it is direct, or left it and it is a match. */
  mayRead(channelId: string): Promise<boolean>;
  /** Whether the reader is invited to a channel. */
  isInvited(channelId: string): Promise<boolean>;
  /** Seq of the first entry that the reader can read in a channel that the reader may read. */
  readableFrom(channelId: string): Promise<number>;
  hasBlocked(userId: string): Promise<boolean>;
}

/**
 * Creates the checks that come before a change or a read on behalf of one user.
 * @param database where channels and memberships are; checks made at the same moment share one statement
 * @param guard tells whether the database has caught up with the log: before that, a refusal may be wrong
 */
export function createAccess({ query }: Pick<Database, 'query'>, guard: Pick<LogGuard, 'isCaughtUp' | 'caughtUpMs'>) {
  const read = batched(async (pairs: readonly (readonly [channelId: string, userId: string])[]) => {
    const rows = await query(selectAccess, {
      channelIds: pairs.map(([channelId]) => channelId),
      userIds: pairs.map(([, userId]) => userId),
    });
    return rows.map(({ channel, member, isBlocked }) => ({ channel: channel && { ...channel, isBlocked }, member }));
  });

  return {
    judge,

    /**
     * Returns a channel whose history a user may read.
     * @throws NotFoundError or ForbiddenError when the user is not a member
     */
    async requireRead(channelId: string, userId: string): Promise<ReadAccess> {
      return judge(channelId, async () => {
        const found = await read([channelId, userId]);
        const { member } = found;
        const mayStartMove = (member?.readableFrom ?? 0) > 0;
        const own = { isInvited: member?.state === 'INVITED', start: readableStart(member), mayStartMove };
        return { ...requireReadable(found), ...own };
      });
    },

    /**
     * Checks that a user may send to a channel, with files or without.
     * @throws NotFoundError or ForbiddenError when the user may not, ConflictError when the channel is closed, or one of the
     *   members of a direct channel has blocked the other
     */
    async requireSend(channelId: string, userId: string, hasFiles: boolean): Promise<void> {
      return judge(channelId, async () => {
        const { channel, member } = await read([channelId, userId]);
        throwRefusal(maySend(channel, member, new Date(), hasFiles));
      });
    },

    /**
     * Checks that a user has a capability in a channel.
     * @throws NotFoundError, ForbiddenError or ConflictError when the user has not
     */
    async requireCapability(capability: Capability, channelId: string, userId: string): Promise<void> {
      return judge(channelId, async () => {
        const { channel, member } = await read([channelId, userId]);
        throwRefusal(may(capability, channel, member, new Date()));
      });
    },

    /**
     * Returns the position of a channel that a user is a member of.
     * @throws NotFoundError or ForbiddenError when the user is not a member
     */
    async requireMember(channelId: string, userId: string): Promise<number> {
      return judge(channelId, async () => {
        const access = await read([channelId, userId]);
        throwRefusal(mayTakePart(access.channel, access.member));
        return requireReadable(access).position;
      });
    },

    /**
     * Returns an entry that a user may delete.
     * @param entry null when there is none
     * @throws NotFoundError or ForbiddenError when the user may not
     */
    requireDelete: (entry: Entry | null, userId: string): Promise<Entry> => requireChange(mayDelete, entry, userId),

    /**
     * Returns an entry that a user may report.
     * @param entry null when there is none
     * @throws NotFoundError, or BadUserInputError for an entry that no other user wrote
     */
    requireReport: (entry: Entry | null, userId: string): Promise<Entry> => requireChange(mayReport, entry, userId),
  };

  /**
   * Returns the result of a decision that is made by the state of the database.
   * @param channelId null if the channel is not known
   * @throws the error of a refusal; UnavailableError in its place while the database has not caught up with the log
   */
  async function judge<Result>(channelId: string | null, decide: () => Promise<Result>): Promise<Result> {
    const since = performance.now() - guard.caughtUpMs;
    try {
      return await decide();
    } catch (refusal) {
      if (!refusals.some((kind) => refusal instanceof kind)) throw refusal;
      if (await guard.isCaughtUp(channelId, since)) throw refusal;
      throw new UnavailableError('The server is catching up after an interruption: try again in a moment.');
    }
  }

  async function requireChange(
    rule: typeof mayDelete | typeof mayReport,
    entry: Entry | null,
    userId: string,
  ): Promise<Entry> {
    await judge(entry?.channelId ?? null, async () => {
      const { channel, member } = entry ? await read([entry.channelId, userId]) : { channel: null, member: null };
      throwRefusal(rule({ channel, member, entry, userId, at: new Date() }));
    });
    if (entry === null) throw new Error('the rules allow no change of an entry that is not there');
    return entry;
  }
}

/** Refusals for something that the database does not have, or not yet. */
const refusals = [ForbiddenError, NotFoundError, BadUserInputError];

export type Access = ReturnType<typeof createAccess>;

/**
 * Returns the channel when the user may read its history.
 * @throws NotFoundError or ForbiddenError when the user is not a member
 */
export function requireReadable({ channel, member }: ChannelAccess): ReadableChannel {
  throwRefusal(mayRead(channel, member));
  if (channel === null) throw new Error('mayRead allows no channel that is not there');
  return channel;
}

/** Returns the channel when the user may read its history; null otherwise. */
export function findReadable({ channel, member }: ChannelAccess): ReadableChannel | null {
  return mayRead(channel, member) === null ? channel : null;
}

/** Throws the error of a refusal, if there is one. */
export function throwRefusal(refusal: Rejection | null): void {
  if (refusal) throw rejectionError(refusal);
}

/** Returns whether a reader may see that a channel exists, with its name and its number of members. */
export async function canSeeChannel(
  reader: ReaderFacts,
  channel: Pick<ChannelFacts, 'kind' | 'visibility'> & { id: string },
): Promise<boolean> {
  return isPublicRoom(channel) || (await canReadChannel(reader, channel.id)) || reader.isInvited(channel.id);
}

/**
 * Returns whether a reader may read a channel's history and see its members: members, users who are asked for a direct conversation, and
 * both users of a match that is over.
 */
export function canReadChannel(reader: ReaderFacts, channelId: string): Promise<boolean> {
  return reader.mayRead(channelId);
}

/** Returns whether a reader may read an entry: members, unless it is hidden from them or they have blocked its author. */
export async function canReadEntry(reader: ReaderFacts, { channelId, authorId, seq }: Entry): Promise<boolean> {
  if (!(await canReadChannel(reader, channelId)) || seq < (await reader.readableFrom(channelId))) return false;
  return !(await reader.hasBlocked(authorId));
}

/**
 * Returns whether a reader may read a file. An attached file is read together with its message, until the message is
 * deleted; an upload that is not attached yet, by its uploader alone.
 * @param file.entry the entry that the file is attached to; null when it is not attached
 */
export async function canReadFile(
  reader: ReaderFacts,
  { id, userId, entry }: { id: string; userId: string; entry: Entry | null },
): Promise<boolean> {
  if (entry === null) return userId === reader.userId;
  return entry.attachments.some((file) => file.id === id) && canReadEntry(reader, entry);
}

/**
 * Decides how a live entry reaches one reader who was a member when the stream began.
 * @param reader.head position of the channel when membership was checked; only a later entry can end it
 * @param reader.readableFrom returns the seq of the first entry that the reader can read
 * @returns an error that ends the stream when the reader is no longer a member; `skip` when the entry is hidden from the reader, who may
 * have blocked the author; `alone` when the entry shows a blocked author's message, or names a blocked user, and must be rendered for this
 * reader; null when the reader gets the entry as everyone else does
 */
export function judgeLiveEntry(
  entry: Entry,
  reader: { userId: string; head: number; readableFrom(): number; hasBlocked(userId: string): boolean },
): 'skip' | 'alone' | ForbiddenError | null {
  if (entry.position > reader.head && endsMembership(entry, reader.userId))
    return new ForbiddenError(noLongerMember.message);
  if (entry.seq < reader.readableFrom() || reader.hasBlocked(entry.authorId)) return 'skip';
  return showsBlocked(entry, reader) ? 'alone' : null;
}

/** Returns whether an entry names a blocked user: as the author of the message that it replies to, or with a reaction. */
function showsBlocked({ replyToAuthorId, reactions }: Entry, reader: { hasBlocked(userId: string): boolean }): boolean {
  if (replyToAuthorId !== null && reader.hasBlocked(replyToAuthorId)) return true;
  // Bridges of older versions publish entries without reactions.
  if (reactions === undefined || reactions.length === 0) return false;
  return reactions.some(({ userIds }) => userIds.some(reader.hasBlocked));
}

/**
 * Decides whether a transient signal reaches one reader, who was a member when the stream began.
 * @param signal.leftAt position of the entry by which the user left, of a signal that is for this user alone; else null
 * @param reader.start where the stream began; of earlier signals only those of the present state are delivered
 * @param reader.joinedAt position of the channel when membership was checked; only a later entry can end it
 */
export function judgeActivity(
  signal: { position: number; userId: string; isPresent: boolean; isPresence: boolean; leftAt: number | null },
  reader: { userId: string; start: number; joinedAt: number; hasBlocked(userId: string): boolean },
): 'skip' | ForbiddenError | null {
  const isOwn = signal.userId === reader.userId;
  const isBefore = signal.position <= reader.start;
  if (signal.leftAt !== null)
    return isOwn && !isBefore && signal.leftAt > reader.joinedAt ? new ForbiddenError(noLongerMember.message) : 'skip';
  if (isBefore && !signal.isPresent) return 'skip';
  return (isOwn && !signal.isPresence) || reader.hasBlocked(signal.userId) ? 'skip' : null;
}

/** Returns whether an entry of a channel's history is the end of a user's membership. */
export function endsMembership({ kind, authorId }: Entry, userId: string): boolean {
  return (kind === 'LEFT' || kind === 'REMOVED') && authorId === userId;
}
