import type { Path } from 'graphql/jsutils/Path.js';
import { canReadChannel, canReadEntry } from '../api/domain/access.ts';
import type { HistoryPage } from '../api/domain/history.ts';
import { maxMentions } from '../api/domain/mention-checks.ts';
import { BadUserInputError } from '../api/errors.ts';
import type { Entry, entryKinds } from '../api/events.ts';
import { User } from './accounts.ts';
import { builder, costs, listOf, shareable, shareableOfEvent, textOf } from './builder.ts';
import { Channel } from './channels.ts';
import { type Context, requireViewer } from './context.ts';
import { readId } from './ids.ts';
import { cursorOf, loadMessages, refusedAsNull } from './message-pages.ts';
import { nodeId } from './node-ids.ts';
import { readPage } from './pages.ts';
import { readerOf } from './reader.ts';

/** Largest value of the scalar `Int`. */
const maxInt = 2 ** 31 - 1;

const MessageKind = builder.enumType('MessageKind', {
  description: "Kind of an entry in a channel's history.",
  values: {
    TEXT: { description: 'Written by a user.' },
    NOTICE: { description: "Written by the embedding application's backend." },
    JOINED: { description: 'A user joined the room.' },
    LEFT: { description: 'A user left.' },
    REMOVED: { description: 'A user was removed.' },
  } satisfies Record<(typeof entryKinds)[number], object>,
});

/** An entry of a channel's history, in one of its states. */
export const Message = builder.objectRef<Entry>('Message');

builder.node(Message, {
  description:
    "One entry of a channel's history: a message, or a user joining or leaving. Entries of every kind have a place in the channel's one order.",
  id: nodeId(({ id }) => id),
  loadOne: (id, context) => findMessage(context, id),
  fields: (t) => ({
    cursor: t.string({
      extensions: shareable,
      description: 'The cursor that the message has in `Channel.messages`, whichever page it is on.',
      resolve: cursorOf,
    }),
    kind: t.field({
      type: MessageKind,
      extensions: shareable,
      description: 'Kind of this entry.',
      resolve: ({ kind }) => kind,
    }),
    channel: t.field({
      type: Channel,
      extensions: shareable,
      description: 'The channel of this entry.',
      resolve: ({ channelId }, _args, { loaders }) => loaders.presentChannel(channelId),
    }),
    author: t.field({
      type: User,
      extensions: shareable,
      description:
        "The author; for JOINED, LEFT and REMOVED the user concerned; for a NOTICE the user it is about, else the server's own system user.",
      // Without a promise, since most executions of live delivery wait for nothing else.
      resolve: ({ authorId }, _args, { domain, loaders }) =>
        domain.accounts.cachedAuthor(authorId) ?? loaders.author(authorId),
    }),
    clientId: t.exposeString('clientId', {
      nullable: true,
      extensions: shareable,
      description: "Idempotency key given by the author's device. Null for entries that no user wrote.",
    }),
    seq: t.exposeInt('seq', {
      extensions: shareable,
      description: "Place in the channel's order: dense, never changes. Show messages in this order.",
    }),
    position: t.exposeInt('position', {
      extensions: shareable,
      description:
        'Position of the latest change of this message in the channel. Of two states of a message the one with the higher position is newer. Pass the highest position received as `after` to resume.',
    }),
    text: t.exposeString('text', {
      extensions: shareable,
      description: 'Text of the message. Empty once deleted, and for entries of other kinds than TEXT and NOTICE.',
    }),
    data: t.field({
      type: 'JSON',
      nullable: true,
      extensions: shareable,
      description: 'Custom data of the message. Null if it has none, and once it is deleted.',
      resolve: ({ data }) => data,
    }),
    mentions: t.field({
      type: [User],
      extensions: { ...shareable, ...listOf(maxMentions) },
      description: 'Users that the message mentions by their ids; a few may have left since. Empty once it is deleted.',
      // Bridges of older versions publish entries without this property, and the next one.
      resolve: async ({ mentionIds }, _args, { loaders }) => Promise.all((mentionIds ?? []).map(loaders.author)),
    }),
    mentionsAll: t.boolean({
      extensions: shareable,
      description: 'Whether the message mentions every member. False once it is deleted.',
      resolve: ({ mentionsAll }) => mentionsAll ?? false,
    }),
    replyTo: t.field({
      type: Message,
      nullable: true,
      extensions: shareableOfEvent,
      description:
        'The message that this one replies to. Null if the viewer has blocked its author, or may not read it because it is from before the viewer joined.',
      resolve: (entry, _args, context, { path }) =>
        entry.replyToId === null ? null : findQuoted(context, entry, path),
    }),
    sentAt: t.expose('sentAt', {
      type: 'DateTime',
      extensions: shareable,
      description: 'Time at which the message was sent.',
    }),
    editedAt: t.expose('editedAt', {
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description: 'Time of the latest edit. Null if the message was never edited.',
    }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description: 'Time of the deletion; from then on `text` is empty.',
    }),
  }),
});

const ChannelChanges = builder.objectRef<{ messages: readonly Entry[]; position: number; hasMore: boolean }>(
  'ChannelChanges',
);
ChannelChanges.implement({
  description: 'A page of changes in a channel, for clients without a socket.',
  fields: (t) => ({
    messages: t.field({
      type: [Message],
      extensions: listOf(1),
      description: 'The messages that changed, each in its newest state, in order of `position`.',
      resolve: ({ messages }) => messages,
    }),
    position: t.exposeInt('position', { description: 'Pass as the next `after`.' }),
    hasMore: t.exposeBoolean('hasMore', { description: 'Whether there are more changes to fetch now.' }),
  }),
});

builder.objectFields(Channel, (t) => ({
  messages: t.connection(
    {
      type: Message,
      nullable: true,
      extensions: costs(2),
      description:
        'The history in order of `seq`; without arguments the newest page. Members read all of it, including entries from before they joined, unless `settings.history` was SINCE_JOINED when they did. Null if the viewer is not a member.',
      args: {
        around: t.arg.id({
          description:
            'Id of a message of this channel, also a deleted one, to have in the middle of the page; near an end of the history the page has more of the other side. `first` is then the size of the page, 1 to 100, and the other arguments are BAD_USER_INPUT. NOT_FOUND if the channel has no such message, or the viewer may not read it or has blocked its author.',
        }),
      },
      resolve: (channel, args, context) => loadMessages(channel.id, args, context),
    },
    {
      description: 'A page of the history.',
      fields: (connection) => ({
        position: connection.int({
          description:
            "The channel's position in the snapshot that this page was read from. Subscribe with `after` set to it and nothing is lost in between.",
          resolve: (page) => (page as unknown as HistoryPage).position,
        }),
      }),
    },
    { name: 'ChannelMessagesEdge', description: 'A message of the history.' },
  ),
  changes: t.field({
    type: ChannelChanges,
    nullable: true,
    extensions: costs(2),
    description:
      'The newest state of each message that changed after a position, in order of `position`, for clients without a socket. Null if the viewer is not a member. RESYNC_REQUIRED as in the subscription `messages`.',
    args: {
      after: t.arg.int({ required: true, description: 'Position to continue from.' }),
      first: t.arg.int({ description: 'Number of messages to return: at most 100, 50 by default.' }),
    },
    resolve: async (channel, { after, first }, context) => {
      const { limit } = readPage({ first }, () => null);
      const request = { after, limit };
      const changes = await context.loaders.changes.load({ channelId: channel.id, request }).catch(refusedAsNull);
      return changes && { messages: changes.entries, position: changes.through, hasMore: changes.more };
    },
  }),
  lastMessage: t.field({
    type: Message,
    nullable: true,
    extensions: costs(1),
    description: 'The newest entry. Null if there is none, or if the viewer is not a member.',
    resolve: async ({ id }, _args, context) =>
      (await canReadChannel(readerOf(context), id)) ? context.loaders.lastEntry.load(id) : null,
  }),
  position: t.int({
    nullable: true,
    description: 'Position of the newest change, 0 if there is none. Null if the viewer is not a member.',
    resolve: async ({ id, position }, _args, context) =>
      (await canReadChannel(readerOf(context), id)) ? position : null,
  }),
}));

const messageText = textOf('message', { maxBytes: 'messageBytes' });

const SendInput = builder.inputType('SendInput', {
  description: 'The message to send.',
  fields: (t) => ({
    channelId: t.id({ required: true, description: 'Id of the channel to send to.' }),
    text: t.string({
      required: true,
      defaultValue: '',
      extensions: messageText,
      description:
        'Text of the message, at most `limits.messageBytes` bytes of UTF-8 as sent. Line ends become LF, and control characters are removed. Without attachments and `data` it must have something to see.',
    }),
    data: t.field({ type: 'JSON', description: 'Custom data. A message may have nothing else.' }),
    mentionIds: t.idList({
      description:
        'Ids of members to mention, at most `limits.mentions`. CONFLICT for a user whom the viewer has blocked; users who have blocked the viewer are left out.',
    }),
    mentionsAll: t.boolean({
      defaultValue: false,
      description: 'Mentions every member. FORBIDDEN in rooms unless the viewer is the owner or a moderator.',
    }),
    attachmentIds: t.idList({
      description:
        'Ids of files to attach, each once: uploaded by the viewer for this channel. At most `limits.attachments`.',
    }),
    replyToId: t.id({
      description:
        'Id of the message in the same channel that this one replies to. NOT_FOUND for one that the viewer may not read.',
    }),
    clientId: t.string({
      extensions: textOf('clientId'),
      description:
        'Idempotency key, 1 to 128 UTF-16 code units, unique to the author and the channel, for instance a UUID. It makes a retry harmless.',
    }),
  }),
});

const SendPayload = builder.objectRef<{ message: Entry }>('SendPayload');
SendPayload.implement({
  description: 'Result of `send`.',
  fields: (t) => ({
    message: t.field({
      type: Message,
      description: 'The message, in its place in the channel.',
      resolve: ({ message }) => message,
    }),
  }),
});

builder.mutationFields((t) => {
  const messageId = t.arg.id({ required: true, description: 'Id of the message.' });
  return {
    send: t.field({
      type: SendPayload,
      nullable: true,
      description:
        'Sends a message; resolves when it is durable and has its place. The same `clientId` returns the same message, even if the rest of the input differs, unless a text is too long. UNAVAILABLE means that the outcome is not known yet: send again with the same `clientId`.',
      args: { input: t.arg({ type: SendInput, required: true, description: 'The message to send.' }) },
      resolve: async (
        _root,
        { input: { channelId, text, attachmentIds, replyToId, clientId, ...input } },
        context,
      ) => ({
        message: await context.domain.messages.send(requireViewer(context), {
          channelId: readId('Channel', channelId),
          text,
          data: input.data,
          mentionIds: (input.mentionIds ?? []).map((id) => readId('User', id)),
          mentionsAll: input.mentionsAll ?? false,
          replyToId: replyToId == null ? null : readId('Message', replyToId),
          clientId: clientId ?? null,
          attachmentIds: (attachmentIds ?? []).map((id) => readId('Attachment', id)),
        }),
      }),
    }),
    editMessage: t.field({
      type: Message,
      nullable: true,
      description:
        "Changes the text, the data or the mentions of one of the viewer's messages; parts that are left out stay. CONFLICT if it was edited in the meantime: since `ifPosition`, or else while this edit was under way. Reactions and pins are no edits.",
      args: {
        messageId,
        text: t.arg.string({
          extensions: messageText,
          description: 'New text, by the same rules as `SendInput.text`.',
        }),
        data: t.arg({ type: 'JSON', description: 'Replaces the custom data; null removes it.' }),
        mentionIds: t.arg.idList({
          description: 'Replaces the mentioned members, by the same rules as `SendInput.mentionIds`.',
        }),
        ifPosition: t.arg.int({ description: '`position` of the message as the author saw it.' }),
      },
      resolve: (_root, { messageId: id, text, data, mentionIds, ifPosition }, context) =>
        context.domain.messages.edit(requireViewer(context), {
          messageId: readId('Message', id),
          text: text ?? null,
          data,
          mentionIds: mentionIds?.map((userId) => readId('User', userId)) ?? null,
          ifPosition: ifPosition ?? null,
        }),
    }),
    deleteMessage: t.field({
      type: Message,
      nullable: true,
      description: "Deletes one of the viewer's messages. It keeps its place in the history, without its text.",
      args: { messageId },
      resolve: (_root, { messageId: id }, context) =>
        context.domain.messages.remove(requireViewer(context), readId('Message', id)),
    }),
  };
});

builder.subscriptionField('messages', (t) =>
  t.field({
    type: Message,
    description:
      'One channel: each message as it is sent, and again whenever it is edited, deleted, pinned or reacted to: the same id, its newest state. With `after`, first everything that changed since that position, then live: nothing lost, nothing twice, in order of `position`. Without it, live from now on. Ends with an error FORBIDDEN when the viewer is no longer a member, and with RESYNC_REQUIRED when another role hides messages from the viewer or shows them.',
    args: {
      channelId: t.arg.id({ required: true, description: 'Id of the channel.' }),
      after: t.arg.int({
        description: 'Position to continue from: `position` of the page that was loaded, or the highest one received.',
      }),
    },
    subscribe: (_root, { channelId, after }, context) =>
      context.domain.messages.follow(requireViewer(context), readId('Channel', channelId), readAfter(after, context)),
    resolve: (entry) => entry,
  }),
);

/**
 * Returns the position to continue from; null for "from now on". Browsers connect again with the arguments of the first time,
 * so the id of the last event wins.
 */
function readAfter(after: number | null | undefined, { lastEventId }: Context): number | null {
  if (lastEventId === undefined) return after ?? null;
  const position = /^\d{1,10}$/.test(lastEventId) ? Number(lastEventId) : Number.NaN;
  if (position <= maxInt) return position;
  throw new BadUserInputError([{ path: 'Last-Event-ID', message: 'must be the `id` of an event of this stream' }]);
}

/** Where the result is made for many viewers, the message is hidden from some of them afterwards. */
async function findQuoted(context: Context, entry: Entry, path: Path): Promise<Entry | null> {
  const quoted = entry.replyToId === null ? null : await findMessage(context, entry.replyToId);
  if (quoted) context.marks?.push({ path, entry, quoted });
  return quoted;
}

/** Returns the entry with that id; null when there is none or the reader of the result may not read it. */
async function findMessage(context: Context, id: string): Promise<Entry | null> {
  const isAnonymous = context.viewer === null && context.memberOf === undefined;
  const entry = isAnonymous ? null : await context.loaders.entry.load(id);
  return entry && (await canReadEntry(readerOf(context), entry)) ? entry : null;
}
