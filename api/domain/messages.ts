import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { v5 as uuidV5 } from 'uuid';
import { batched } from '../batched.ts';
import { BadUserInputError } from '../errors.ts';
import type { AttachmentFacts, Entry } from '../events.ts';
import type { LiveStream } from '../live/live-stream.ts';
import { maxEntries } from '../lru-size.ts';
import type { Access } from './access.ts';
import type { Activity } from './activity/activity.ts';
import type { Viewer } from './auth.ts';
import { readData, readNewData } from './custom-data.ts';
import type { History } from './history.ts';
import type { ReadAround } from './history-around.ts';
import type { MentionChecks } from './mention-checks.ts';
import type { FoundMessage, MessageAccess } from './message-access.ts';
import { createMessageStreams, type MessageStreamOptions } from './message-streams.ts';
import { mayEdit } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import type { Submit } from './submit-event.ts';
import { clientIdProblems, readMessage, throwProblems } from './text.ts';

/** The message to send; ids are UUIDs. */
export interface SendInput {
  channelId: string;
  text: string;
  replyToId: string | null;
  /** Idempotency key; null makes each call a message of its own. */
  clientId: string | null;
  /** Uploads of the viewer for this channel. */
  attachmentIds: readonly string[];
  /** Value of the scalar `JSON`; undefined for none. */
  data: unknown;
  /** Members whom the message mentions. */
  mentionIds: readonly string[];
  mentionsAll: boolean;
}

/** The edit of a message. */
export interface EditInput {
  messageId: string;
  /** Null keeps the text. */
  text: string | null;
  /** Value of the scalar `JSON`: null removes the data, undefined keeps them. */
  data: unknown;
  /** Null keeps the mentions. */
  mentionIds: readonly string[] | null;
  /** Position of the state that the author saw; null if the client does not tell. */
  ifPosition: number | null;
}

/** Maximum number of files of one message. */
export const maxAttachments = 10;
/** Milliseconds for which a permission to send is cached. A stale one does no harm: the bridge decides. */
const permissionTtlMs = 10_000;
/** Maximum number of cached permissions. */
const maxPermissions = 50_000;

/** Creates the messages of the domain: sending, editing, deleting, reading and following them. */
export function createMessages(
  options: MessageStreamOptions & {
    submit: Submit;
    history: History;
    readAround: ReadAround;
    access: Access;
    messageAccess: MessageAccess;
    /** Returns the facts about uploads that a message attaches. */
    findAttachable(viewer: Viewer, channelId: string, ids: readonly string[]): Promise<AttachmentFacts[]>;
    rateLimits: RateLimits;
    securityLog: SecurityLog;
    /** Returns the users whom a message mentions; see `createMentionChecks`. */
    checkMentions: MentionChecks;
    /** Told of each message that was sent. */
    activity: Pick<Activity, 'sent'>;
    maxMessageBytes: number;
    maxDataBytes: number;
  },
) {
  const { submit, history, access, messageAccess, findAttachable, checkMentions, securityLog } = options;
  const { maxMessageBytes, maxDataBytes } = options;
  const sends = options.rateLimits.frequent('sends', rates.sends);
  const repeatedSends = options.rateLimits.frequent('repeated', rates.repeatedSends);
  const streams = createMessageStreams(options);
  const findEntry = batched(async (ids: readonly string[]) => {
    const found = new Map((await history.byIds([...new Set(ids)])).map((entry) => [entry.id, entry]));
    return ids.map((id) => found.get(id) ?? null);
  });
  const permissions = new LRUCache<string, true>({ ...maxEntries(maxPermissions), ttl: permissionTtlMs });

  return {
    ...history,
    pagesAround: options.readAround,

    /**
     * Sends a message, and resolves when it is durable and has its place. A retry with the same `clientId` returns the
     * same message, even if its other fields differ, or the viewer may no longer send or sends too often.
     */
    async send(viewer: Viewer, input: SendInput): Promise<Entry> {
      throwProblems(clientIdProblems(input.clientId, 'input.clientId'));
      const { channelId, replyToId } = input;
      const clientId = input.clientId ?? randomUUID();
      const messageId = uuidV5(Buffer.from(`${viewer.userId}:${clientId}`), channelId);
      let text: string;
      let attachments: AttachmentFacts[];
      let data: string | null;
      let mentionIds: string[];
      try {
        await sends.take(viewer.userId);
        data = readData(input.data, 'input.data', maxDataBytes);
        const mayBeEmpty = input.attachmentIds.length > 0 || data !== null;
        text = readMessage(input.text, { ...bounds('input.text'), mayBeEmpty });
        await checkSend(input, viewer.userId);
        mentionIds = await readMentions(input, viewer.userId);
        attachments = await access.judge(channelId, () => findAttachable(viewer, channelId, input.attachmentIds));
      } catch (refusal) {
        const sent = input.clientId === null ? null : await findRepeated(viewer, messageId);
        if (sent) return sent;
        throw refusal;
      }
      const { mentionsAll } = input;
      const message = { messageId, clientId, text, replyToId, attachments, data, mentionIds, mentionsAll };
      const event = { type: 'MessageSent' as const, channelId, actorId: viewer.userId, ...message };
      const entry = requireEntry(await submit(event, viewer.deadline));
      options.activity.sent(channelId, viewer.userId);
      return entry;
    },

    /**
     * Changes the text, the data or the mentions of one of the viewer's own messages.
     * @throws ConflictError if it was edited since `ifPosition`, or, if that is null, while this edit was under way
     */
    async edit(viewer: Viewer, { messageId, ifPosition, ...input }: EditInput): Promise<Entry> {
      await sends.take(viewer.userId);
      requireChange(input);
      const message = await messageAccess.require(mayEdit, messageId, viewer.userId);
      const { channelId, revision } = message;
      const { text, data } = readChange(input, message);
      const ids = input.mentionIds;
      const mentions = ids && { ids: await checkMentions(channelId, viewer.userId, ids, 'mentionIds') };
      const change = { channelId, actorId: viewer.userId, messageId, text, data, mentions, revision, ifPosition };
      return requireEntry(await submit({ type: 'MessageEdited', ...change }, viewer.deadline));
    },

    /** Deletes a message: one of the viewer's own, or one that the viewer may delete as a moderator. Its place in the history stays. */
    async remove(viewer: Viewer, messageId: string): Promise<Entry> {
      await sends.take(viewer.userId);
      const { channelId, authorId } = await access.requireDelete(await findEntry(messageId), viewer.userId);
      const deletion = {
        type: 'MessageDeleted',
        channelId,
        actorId: viewer.userId,
        messageId,
        asModerator: false,
      } as const;
      const deleted = requireEntry(await submit(deletion, viewer.deadline));
      if (authorId !== viewer.userId)
        securityLog.write('message_deleted', { userId: viewer.userId, targetId: authorId, channelId }, viewer.origin);
      return deleted;
    },

    /**
     * Follows a channel: every entry that changes after a position, then live, in order of position, without loss or
     * duplicates.
     * @param after position to continue from; null follows from now on
     * @returns a stream that is live when this resolves; it throws ForbiddenError once the viewer is no longer a member
     * @throws NotFoundError, ForbiddenError or ResyncRequiredError at once
     */
    follow: (viewer: Viewer, channelId: string, after: number | null): Promise<LiveStream<Entry>> =>
      streams.open(viewer.userId, channelId, after),
  };

  function bounds(path: string) {
    return { path, maxBytes: maxMessageBytes };
  }

  /** Returns the new text and data of a message; null keeps one as it is. */
  function readChange(input: Pick<EditInput, 'text' | 'data'>, { hasText, hasData, hasFiles }: FoundMessage) {
    const data = readNewData(input.data, 'data', maxDataBytes);
    const mayBeEmpty = hasFiles || (data ? data.json !== null : hasData);
    const text = input.text === null ? null : readMessage(input.text, { ...bounds('text'), mayBeEmpty });
    if (mayBeEmpty || hasText || text !== null) return { text, data };
    throw new BadUserInputError([
      { path: 'data', message: 'must stay, as the message has nothing else. Delete the message instead' },
    ]);
  }

  async function readMentions(input: SendInput, userId: string): Promise<string[]> {
    const { channelId, mentionIds, mentionsAll } = input;
    if (mentionsAll) await access.requireCapability('MENTION_ALL', channelId, userId);
    return mentionIds.length === 0 ? [] : checkMentions(channelId, userId, mentionIds, 'input.mentionIds');
  }

  async function checkSend({ channelId, attachmentIds }: SendInput, userId: string): Promise<void> {
    checkAttachments(attachmentIds);
    const hasFiles = attachmentIds.length > 0;
    const key = `${channelId}:${userId}${hasFiles ? ':files' : ''}`;
    if (permissions.has(key)) return;
    await access.requireSend(channelId, userId, hasFiles);
    permissions.set(key, true);
  }

  /** Returns the message that a refused send repeats; null if there is none, or the viewer repeats too many. */
  async function findRepeated({ userId }: Viewer, messageId: string): Promise<Entry | null> {
    const mayLookUp = await repeatedSends.take(userId).then(
      () => true,
      () => false,
    );
    return mayLookUp ? findEntry(messageId) : null;
  }
}

export type Messages = ReturnType<typeof createMessages>;

function requireChange({ text, data, mentionIds }: Pick<EditInput, 'text' | 'data' | 'mentionIds'>): void {
  if (text !== null || data !== undefined || mentionIds !== null) return;
  throw new BadUserInputError([{ path: 'text', message: 'must be given, or `data` or `mentionIds`' }]);
}

function checkAttachments(ids: readonly string[]): void {
  const path = 'input.attachmentIds';
  if (ids.length > maxAttachments)
    throw new BadUserInputError([{ path, message: `must name at most ${maxAttachments} files` }]);
  if (new Set(ids).size < ids.length) throw new BadUserInputError([{ path, message: 'must name each file once' }]);
}

function requireEntry(entry: Entry | null): Entry {
  if (entry === null) throw new Error('an applied message event has an entry');
  return entry;
}
