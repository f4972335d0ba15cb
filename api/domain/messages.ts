import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { v5 as uuidV5 } from 'uuid';
import { BadUserInputError, ForbiddenError, NotFoundError } from '../errors.ts';
import type { AttachmentFacts, Entry } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import type { ChannelFeed } from '../live/channel-feed.ts';
import type { Feeds } from '../live/feeds.ts';
import type { Reader } from '../live/live-source.ts';
import { createLiveStream, type LiveStream } from '../live/live-stream.ts';
import type { Viewer } from './auth.ts';
import type { Blocks, HeldBlocks } from './blocks.ts';
import { admit, createHistory, refuseGap, refuseNegative } from './history.ts';
import { mayDelete, mayEdit, maySend } from './policies.ts';
import type { RateLimit } from './rate-limits.ts';
import { rejectionError, type Submit } from './submit-event.ts';
import { checkText, keyProblems } from './text.ts';

/** What `send` is given; ids are UUIDs. */
export interface SendInput {
  channelId: string;
  text: string;
  replyToId: string | null;
  /** The idempotency key; null: each call is a message of its own. */
  clientId: string | null;
  /** Uploads of the viewer's for this channel. */
  attachmentIds: readonly string[];
}

/** For how long it is remembered that somebody may write in a channel: a courtesy, since the bridge has the last word. */
const accessTtlMs = 10_000;

/** What people write: sending, changing, reading and following it. */
export function createMessages(options: {
  database: Database;
  submit: Submit;
  feeds: Feeds;
  blocks: Pick<Blocks, 'hold'>;
  /** What is said of files that are attached. */
  toAttach(viewer: Viewer, channelId: string, ids: readonly string[]): Promise<AttachmentFacts[]>;
  maxAttachments: number;
  /** How often one viewer may send. */
  sendRate: RateLimit;
  maxMessageBytes: number;
  maxReplay: number;
}) {
  const { submit, feeds, blocks, toAttach, maxAttachments, sendRate, maxMessageBytes, maxReplay } = options;
  const history = createHistory(options);
  const writers = new LRUCache<string, true>({ max: 50_000, ttl: accessTtlMs });

  /** Refuses here already what the bridge would refuse. */
  async function checkSend({ channelId, text, attachmentIds }: SendInput, userId: string): Promise<void> {
    checkText(text, { path: 'input.text', maxBytes: maxMessageBytes, mayBeEmpty: attachmentIds.length > 0 });
    checkAttachments(attachmentIds, maxAttachments);
    const key = `${channelId}:${userId}`;
    if (writers.has(key)) return;
    const { channel, member } = await history.standing(channelId, userId);
    const refusal = maySend(channel, member);
    if (refusal) throw rejectionError(refusal);
    writers.set(key, true);
  }

  /** The message that a change is about, with what the rules need to know of it. */
  async function target(messageId: string, userId: string) {
    const [entry] = await history.byIds([messageId]);
    if (entry === undefined) throw new NotFoundError('There is no such message, or you may not know of it.');
    return { entry, ...(await history.standing(entry.channelId, userId)) };
  }

  return {
    ...history,

    /**
     * Resolves when the message is durable and has its place. The same `clientId` gives the same message, whatever else
     * is given, and also when it could not be sent any more.
     */
    async send(viewer: Viewer, input: SendInput): Promise<Entry> {
      const problems = keyProblems(input.clientId, 'input.clientId');
      if (problems.length > 0) throw new BadUserInputError(problems);
      sendRate.take(viewer.userId);
      const { channelId, text, replyToId } = input;
      const clientId = input.clientId ?? randomUUID();
      const messageId = uuidV5(Buffer.from(`${viewer.userId}:${clientId}`), channelId);
      let attachments: AttachmentFacts[];
      try {
        await checkSend(input, viewer.userId);
        attachments = await toAttach(viewer, channelId, input.attachmentIds);
      } catch (refusal) {
        const [landed] = input.clientId === null ? [] : await history.byIds([messageId]);
        if (landed) return landed;
        throw refusal;
      }
      const said = { messageId, clientId, text, replyToId, attachments };
      return placed(await submit({ type: 'MessageSent', channelId, actorId: viewer.userId, ...said }));
    },

    /** Changes the text of one's own message. */
    async edit(viewer: Viewer, messageId: string, text: string): Promise<Entry> {
      const { entry, channel, member } = await target(messageId, viewer.userId);
      const refusal = mayEdit(channel, member, entry, viewer.userId);
      if (refusal) throw rejectionError(refusal);
      checkText(text, { path: 'text', maxBytes: maxMessageBytes });
      sendRate.take(viewer.userId);
      const { channelId, revision } = entry;
      return placed(
        await submit({ type: 'MessageEdited', channelId, actorId: viewer.userId, messageId, text, revision }),
      );
    },

    /** Takes one's own message back; its place in the history stays. */
    async remove(viewer: Viewer, messageId: string): Promise<Entry> {
      const { entry, channel, member } = await target(messageId, viewer.userId);
      const refusal = mayDelete(channel, member, entry, viewer.userId);
      if (refusal) throw rejectionError(refusal);
      sendRate.take(viewer.userId);
      const { channelId } = entry;
      return placed(await submit({ type: 'MessageDeleted', channelId, actorId: viewer.userId, messageId }));
    },

    /**
     * Every entry that changes after a position, then live: in order of position, none lost, none twice.
     * @param after the position to continue from; null: live from now on
     * @returns the stream, live when this resolves; it throws ForbiddenError when the viewer is no member any more
     * @throws NotFoundError, ForbiddenError or ResyncRequiredError at once
     */
    async follow({ userId }: Viewer, channelId: string, after: number | null): Promise<LiveStream<Entry>> {
      refuseNegative(after);
      const channel = admit(await history.standing(channelId, userId));
      const blocked = await blocks.hold(userId);
      const { feed, release } = await feeds.hold(channelId).catch((error: unknown) => {
        blocked.release();
        throw error;
      });
      const end = () => {
        release();
        blocked.release();
      };
      try {
        if (after !== null) refuseGap(after, channel, await isTooFar(feed, after));
        const from = { position: after ?? channel.position, head: channel.position };
        return createLiveStream(feed, createReader(userId, from, blocked), end);
      } catch (error) {
        end();
        throw error;
      }
    },
  };

  /** What the feed holds is not counted in the database. */
  async function isTooFar(feed: ChannelFeed, after: number): Promise<boolean> {
    const held = feed.since(after);
    if (held && held.entries.length <= maxReplay) return false;
    return history.isTooFar(feed.channelId, after);
  }
}

export type Messages = ReturnType<typeof createMessages>;

function checkAttachments(ids: readonly string[], most: number): void {
  const message =
    ids.length > most
      ? `names ${ids.length} files, a message takes ${most}`
      : new Set(ids).size < ids.length
        ? 'names a file twice'
        : null;
  if (message) throw new BadUserInputError([{ path: 'input.attachmentIds', message }]);
}

const noMemberAnyMore = 'You are no member of this channel any more.';

/** @param from.head where the channel stood when permission was read: it ends by what comes later alone */
function createReader(
  userId: string,
  { position, head }: { position: number; head: number },
  blocked: HeldBlocks,
): Reader<Entry> {
  return {
    position,
    judge(entry) {
      if (entry.position > head && endsMembership(entry, userId)) return new ForbiddenError(noMemberAnyMore);
      if (blocked.has(entry.authorId)) return 'skip';
      return entry.replyToAuthorId !== null && blocked.has(entry.replyToAuthorId) ? 'alone' : null;
    },
  };
}

function endsMembership({ kind, authorId }: Entry, userId: string): boolean {
  return (kind === 'LEFT' || kind === 'REMOVED') && authorId === userId;
}

function placed(entry: Entry | null): Entry {
  if (entry === null) throw new Error('an applied message event has an entry');
  return entry;
}
