import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { v5 as uuidV5 } from 'uuid';
import { BadUserInputError } from '../errors.ts';
import type { AttachmentFacts, Entry } from '../events.ts';
import type { LiveStream } from '../live/live-stream.ts';
import { maxEntries } from '../lru-size.ts';
import type { Access } from './access.ts';
import type { Viewer } from './auth.ts';
import type { History } from './history.ts';
import type { ReadAround } from './history-around.ts';
import { createMessageStreams, type MessageStreamOptions } from './message-streams.ts';
import { type RateLimits, rates } from './rate-limits.ts';
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
    /** Returns the facts about uploads that a message attaches. */
    findAttachable(viewer: Viewer, channelId: string, ids: readonly string[]): Promise<AttachmentFacts[]>;
    rateLimits: RateLimits;
    maxMessageBytes: number;
  },
) {
  const { submit, history, access, findAttachable, maxMessageBytes } = options;
  const sends = options.rateLimits.frequent('sends', rates.sends);
  const repeatedSends = options.rateLimits.frequent('repeated', rates.repeatedSends);
  const streams = createMessageStreams(options);
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
      try {
        await sends.take(viewer.userId);
        text = readMessage(input.text, { ...bounds('input.text'), mayBeEmpty: input.attachmentIds.length > 0 });
        await checkSend(input, viewer.userId);
        attachments = await access.judge(channelId, () => findAttachable(viewer, channelId, input.attachmentIds));
      } catch (refusal) {
        const sent = input.clientId === null ? null : await findRepeated(viewer, messageId);
        if (sent) return sent;
        throw refusal;
      }
      const message = { messageId, clientId, text, replyToId, attachments };
      return requireEntry(
        await submit({ type: 'MessageSent', channelId, actorId: viewer.userId, ...message }, viewer.deadline),
      );
    },

    /** Changes the text of one of the viewer's own messages. */
    async edit(viewer: Viewer, messageId: string, newText: string): Promise<Entry> {
      await sends.take(viewer.userId);
      const { channelId, revision } = await access.requireEdit(await findEntry(messageId), viewer.userId);
      const text = readMessage(newText, bounds('text'));
      const change = { channelId, actorId: viewer.userId, messageId, text, revision };
      return requireEntry(await submit({ type: 'MessageEdited', ...change }, viewer.deadline));
    },

    /** Deletes a message: one of the viewer's own, or one that the viewer may delete as a moderator. Its place in the history stays. */
    async remove(viewer: Viewer, messageId: string): Promise<Entry> {
      await sends.take(viewer.userId);
      const { channelId } = await access.requireDelete(await findEntry(messageId), viewer.userId);
      return requireEntry(
        await submit({ type: 'MessageDeleted', channelId, actorId: viewer.userId, messageId }, viewer.deadline),
      );
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

  async function findEntry(id: string): Promise<Entry | null> {
    const [entry = null] = await history.byIds([id]);
    return entry;
  }
}

export type Messages = ReturnType<typeof createMessages>;

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
