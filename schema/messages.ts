import { canReadChannel, canReadEntry } from '../api/domain/access.ts';
import type { HistoryPage } from '../api/domain/history.ts';
import { ForbiddenError, NotFoundError } from '../api/errors.ts';
import type { Entry, entryKinds } from '../api/events.ts';
import { User } from './accounts.ts';
import { builder, shareable, shareableOfEvent } from './builder.ts';
import { Channel } from './channels.ts';
import { type Context, requireViewer } from './context.ts';
import { readId } from './ids.ts';
import { readPage, toConnection } from './pages.ts';
import { readerOf } from './reader.ts';

const MessageKind = builder.enumType('MessageKind', {
  description: 'What an entry of the history tells.',
  values: {
    TEXT: { description: 'What somebody wrote.' },
    JOINED: { description: 'Somebody came into a room.' },
    LEFT: { description: 'Somebody left.' },
    REMOVED: { description: 'Somebody was removed.' },
  } satisfies Record<(typeof entryKinds)[number], object>,
});

/** An entry in one of its states. */
export const Message = builder.objectRef<Entry>('Message');

builder.node(Message, {
  description:
    "One entry of a channel's history: what somebody wrote, or that somebody came or went. All of them have a place in the one order of the channel.",
  id: { resolve: ({ id }) => id },
  loadOne: (id, context) => findMessage(context, id),
  fields: (t) => ({
    kind: t.field({
      type: MessageKind,
      extensions: shareable,
      description: 'What it tells.',
      resolve: ({ kind }) => kind,
    }),
    channel: t.field({
      type: Channel,
      extensions: shareable,
      description: 'Where it belongs.',
      resolve: ({ channelId }, _args, { loaders }) => loaders.presentChannel(channelId),
    }),
    author: t.field({
      type: User,
      extensions: shareable,
      description: 'Who wrote it; for the other kinds, whom it is about.',
      resolve: ({ authorId }, _args, { loaders }) => loaders.author(authorId),
    }),
    clientId: t.exposeString('clientId', {
      nullable: true,
      extensions: shareable,
      description: "The idempotency key that the author's device gave; null for what nobody wrote.",
    }),
    seq: t.exposeInt('seq', {
      extensions: shareable,
      description: 'Its place in the channel: dense, and never changes. Show messages in this order.',
    }),
    position: t.exposeInt('position', {
      extensions: shareable,
      description:
        'The position of its latest change in the channel. Of two states of a message the higher one is newer, and a cache keeps that one. Pass the highest one received as `after` to resume.',
    }),
    text: t.exposeString('text', {
      extensions: shareable,
      description: 'What was written; empty once deleted, and for the other kinds.',
    }),
    replyTo: t.field({
      type: Message,
      nullable: true,
      extensions: shareableOfEvent,
      description: 'The message that it answers; null where the viewer has blocked its author.',
      resolve: ({ replyToId }, _args, context) => (replyToId === null ? null : findMessage(context, replyToId)),
    }),
    sentAt: t.expose('sentAt', { type: 'DateTime', extensions: shareable, description: 'When it was sent.' }),
    editedAt: t.expose('editedAt', {
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description: 'When its text was changed last.',
    }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description: 'When it was deleted; then `text` is empty.',
    }),
  }),
});

const ChannelChanges = builder.objectRef<{ messages: readonly Entry[]; position: number; hasMore: boolean }>(
  'ChannelChanges',
);
ChannelChanges.implement({
  description: 'What changed in a channel, for a client without a socket.',
  fields: (t) => ({
    messages: t.field({
      type: [Message],
      description: 'What changed, each in its newest state, in order of `position`.',
      resolve: ({ messages }) => messages,
    }),
    position: t.exposeInt('position', { description: 'Pass as the next `after`.' }),
    hasMore: t.exposeBoolean('hasMore', { description: 'There is more already.' }),
  }),
});

builder.objectFields(Channel, (t) => ({
  messages: t.connection(
    {
      type: Message,
      nullable: true,
      description:
        'The history in order of `seq`; without arguments the newest page. Members read all of it, also from before they joined; null for who is not a member.',
      resolve: async (channel, args, context) => {
        const request = readPage(args, parseSeq, true);
        const page = await context.loaders.history.load({ channelId: channel.id, request }).catch(refusedAsNull);
        return page && { ...toConnection(page, request, ({ seq }) => String(seq)), position: page.position };
      },
    },
    {
      description: 'A page of a history.',
      fields: (connection) => ({
        position: connection.int({
          description:
            "The channel's position in the snapshot that this page was read from: subscribe with `after` set to it, and nothing is lost in between.",
          resolve: (page) => (page as unknown as HistoryPage).position,
        }),
      }),
    },
    { name: 'ChannelMessagesEdge', description: 'A message in its history.' },
  ),
  changes: t.field({
    type: ChannelChanges,
    nullable: true,
    description:
      'What changed after a position, for a client without a socket: the newest state of each, in order of `position`. Null for who is not a member; RESYNC_REQUIRED as in the subscription `messages`.',
    args: {
      after: t.arg.int({ required: true, description: 'The position to continue from.' }),
      first: t.arg.int({ description: 'At most so many; 50 unless asked, at most 100.' }),
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
    description: 'The newest entry; null when there is none, and for who is not a member.',
    resolve: async ({ id }, _args, context) =>
      (await canReadChannel(readerOf(context), id)) ? context.loaders.lastEntry.load(id) : null,
  }),
  position: t.int({
    nullable: true,
    description: 'The position of the newest change of an entry, 0 when there is none; null for who is not a member.',
    resolve: async ({ id, position }, _args, context) =>
      (await canReadChannel(readerOf(context), id)) ? position : null,
  }),
}));

const SendInput = builder.inputType('SendInput', {
  description: 'A message to send.',
  fields: (t) => ({
    channelId: t.id({ required: true, description: 'Where to.' }),
    text: t.string({
      required: true,
      defaultValue: '',
      description: 'What to say: at most `limits.messageBytes` in UTF-8; it may be empty beside files.',
    }),
    attachmentIds: t.idList({
      description:
        'Files to attach, each named once: uploaded by the viewer for this channel. At most `limits.attachments`.',
    }),
    replyToId: t.id({ description: 'The message of the same channel that it answers.' }),
    clientId: t.string({
      description:
        'Idempotency key, unique to the author and the channel: a UUID will do. With it, sending again is harmless.',
    }),
  }),
});

const SendPayload = builder.objectRef<{ message: Entry }>('SendPayload');
SendPayload.implement({
  description: 'What became of a send.',
  fields: (t) => ({
    message: t.field({ type: Message, description: 'The message in its place.', resolve: ({ message }) => message }),
  }),
});

builder.mutationFields((t) => {
  const messageId = t.arg.id({ required: true, description: 'Of the message.' });
  return {
    send: t.field({
      type: SendPayload,
      nullable: true,
      description:
        'Resolves when the message is durable and has its place. The same `clientId` again returns the same message, whatever else it says. UNAVAILABLE means that the outcome is not known yet: send again with the same `clientId`.',
      args: { input: t.arg({ type: SendInput, required: true, description: 'What to send, and where to.' }) },
      resolve: async (_root, { input: { channelId, text, attachmentIds, replyToId, clientId } }, context) => ({
        message: await context.domain.messages.send(requireViewer(context), {
          channelId: readId('Channel', channelId),
          text,
          replyToId: replyToId == null ? null : readId('Message', replyToId),
          clientId: clientId ?? null,
          attachmentIds: (attachmentIds ?? []).map((id) => readId('Attachment', id)),
        }),
      }),
    }),
    editMessage: t.field({
      type: Message,
      nullable: true,
      description: "Changes the text of one's own message. CONFLICT when it was edited meanwhile.",
      args: { messageId, text: t.arg.string({ required: true, description: 'What it is to say.' }) },
      resolve: (_root, { messageId: id, text }, context) =>
        context.domain.messages.edit(requireViewer(context), readId('Message', id), text),
    }),
    deleteMessage: t.field({
      type: Message,
      nullable: true,
      description: "Takes one's own message back. Its place in the history stays, without its text.",
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
      'Each message as it is sent, and again whenever it is edited or deleted: the same id in its newest state. With `after`, first everything that changed since that position, then live: nothing lost, nothing twice, in order of `position`. Without it, live from now on. Ends with an error FORBIDDEN when the viewer is no longer a member.',
    args: {
      channelId: t.arg.id({ required: true, description: 'Of the channel.' }),
      after: t.arg.int({
        description: 'The position to continue from: of the page that was loaded, or the highest one received.',
      }),
    },
    subscribe: (_root, { channelId, after }, context) =>
      context.domain.messages.follow(requireViewer(context), readId('Channel', channelId), after ?? null),
    resolve: (entry) => entry,
  }),
);

/** Returns the entry with that id; null when there is none or the reader of the result may not read it. */
async function findMessage(context: Context, id: string): Promise<Entry | null> {
  const isAnonymous = context.viewer === null && context.memberOf === undefined;
  const entry = isAnonymous ? null : await context.loaders.entry.load(id);
  return entry && (await canReadEntry(readerOf(context), entry)) ? entry : null;
}

/** Treats a viewer whose membership ended during the request like one who never was a member. */
function refusedAsNull(error: unknown): null {
  if (error instanceof ForbiddenError || error instanceof NotFoundError) return null;
  throw error;
}

function parseSeq(cursor: string): number | null {
  return /^\d{1,9}$/.test(cursor) ? Number(cursor) : null;
}
