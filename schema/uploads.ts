import { GraphQLError } from 'graphql';
import { canReadFile } from '../api/domain/access.ts';
import type { IncomingFile, PresignedUpload } from '../api/domain/uploads.ts';
import type { AttachmentFacts } from '../api/events.ts';
import { builder, type FilePart, shareable } from './builder.ts';
import { type Context, requireViewer } from './context.ts';
import { encodeId, readId } from './ids.ts';
import { Message } from './messages.ts';
import { readerOf } from './reader.ts';

builder.scalarType('Upload', {
  description: 'A file part of a GraphQL multipart request.',
  serialize: () => {
    throw new GraphQLError('An Upload is taken, never given.');
  },
  parseValue: (value) => {
    if (isFilePart(value)) return value;
    throw new GraphQLError('An Upload takes a file part of a multipart request.');
  },
  parseLiteral: () => {
    throw new GraphQLError('An Upload takes a variable.');
  },
});

function isFilePart(value: unknown): value is FilePart {
  return typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function';
}

const Attachment = builder.objectRef<AttachmentFacts>('Attachment');

builder.node(Attachment, {
  description: 'A file of a message, or one that is to be attached.',
  id: { resolve: ({ id }) => id },
  loadOne: (id, context) => findFile(context, id),
  fields: (t) => ({
    filename: t.exposeString('filename', { extensions: shareable, description: 'What its sender called it.' }),
    mimetype: t.exposeString('mimetype', {
      extensions: shareable,
      description: 'Its media type, by its bytes: what the sender says is not believed.',
    }),
    byteSize: t.exposeInt('byteSize', { extensions: shareable, description: 'How many bytes it has.' }),
    width: t.exposeInt('width', {
      nullable: true,
      extensions: shareable,
      description: 'Of a picture, in pixels as it is shown; null for any other file.',
    }),
    height: t.exposeInt('height', {
      nullable: true,
      extensions: shareable,
      description: 'Of a picture, in pixels as it is shown; null for any other file.',
    }),
    url: t.string({
      extensions: shareable,
      description:
        'Where it can be read until `urlExpiresAt`, by whoever has the URL: only members of the channel are given one. What a browser could run is a download there.',
      resolve: ({ id, filename }, _args, { domain }) => domain.uploads.urls.url(id, 'file', filename),
    }),
    urlExpiresAt: t.field({
      type: 'DateTime',
      extensions: shareable,
      description: 'When `url` and `thumbnailUrl` stop working: ask for others then.',
      resolve: (_file, _args, { domain }) => domain.uploads.urls.expiresAt(),
    }),
    thumbnailUrl: t.string({
      nullable: true,
      extensions: shareable,
      description: 'Of a picture, the same in WebP, at most 640 pixels wide and high; null for any other file.',
      resolve: ({ id, filename, width }, _args, { domain }) =>
        width === null ? null : domain.uploads.urls.url(id, 'thumbnail', `${filename}.webp`),
    }),
  }),
});

builder.objectField(Message, 'attachments', (t) =>
  t.field({
    type: [Attachment],
    extensions: shareable,
    description: 'Its files; none once it was deleted.',
    // A bridge of an older version says nothing of them.
    resolve: ({ attachments }) => attachments ?? [],
  }),
);

builder.mutationField('upload', (t) =>
  t.field({
    type: Attachment,
    nullable: true,
    description:
      'Stores a file that comes in a GraphQL multipart request: for a channel, to be named in `send`, or without one to be named in `updateProfile`. What is named nowhere is gone after a day.',
    args: {
      file: t.arg({ type: 'Upload', required: true, description: 'The file: at most `limits.uploadBytes`.' }),
      channelId: t.arg.id({ description: 'Where it is to be sent; without it, it is to be a picture of the viewer.' }),
    },
    resolve: (_root, { file, channelId }, context) =>
      context.domain.uploads.upload(requireViewer(context), {
        file: () => open(file),
        channelId: channelId == null ? null : readId('Channel', channelId),
      }),
  }),
);

const FormField = builder.objectRef<{ name: string; value: string }>('FormField');
FormField.implement({
  description: 'A field of a form.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    value: t.exposeString('value', { description: 'Its value.' }),
  }),
});

const UploadTicket = builder.objectRef<PresignedUpload>('UploadTicket');
UploadTicket.implement({
  description: 'Leave to post a file to the store directly, as a form (`multipart/form-data`).',
  fields: (t) => ({
    id: t.id({ description: 'For `finishUpload`.', resolve: ({ id }) => encodeId('Attachment', id) }),
    url: t.exposeString('url', { description: 'Where to post the form.' }),
    fields: t.field({
      type: [FormField],
      description: 'What the form holds before the file, in this order; the file comes last, as `file`.',
      resolve: ({ fields }) => [...fields],
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it can be posted.' }),
  }),
});

const StartUploadInput = builder.inputType('StartUploadInput', {
  description: 'A file that is to be posted directly.',
  fields: (t) => ({
    channelId: t.id({ description: 'Where it is to be sent; without it, it is to be a picture of the viewer.' }),
    filename: t.string({ required: true, description: 'What it is called.' }),
    byteSize: t.int({ required: true, description: 'How many bytes it has, exactly.' }),
  }),
});

builder.mutationFields((t) => ({
  startUpload: t.field({
    type: UploadTicket,
    nullable: true,
    description:
      'For big files, where the store of files allows it: where and how to post the bytes directly. CONFLICT where it does not: use `upload`.',
    args: { input: t.arg({ type: StartUploadInput, required: true, description: 'What is to come.' }) },
    resolve: (_root, { input: { channelId, filename, byteSize } }, context) =>
      context.domain.uploads.start(requireViewer(context), {
        channelId: channelId == null ? null : readId('Channel', channelId),
        filename,
        byteSize,
      }),
  }),
  finishUpload: t.field({
    type: Attachment,
    nullable: true,
    description: 'Takes over what was posted, after a look at its bytes. Again gives the same.',
    args: { id: t.arg.id({ required: true, description: 'Of the ticket.' }) },
    resolve: (_root, { id }, context) =>
      context.domain.uploads.finish(requireViewer(context), readId('Attachment', id)),
  }),
}));

async function open(part: FilePart): Promise<IncomingFile> {
  const { filename, body } = await part.open();
  return { filename: filename || 'file', body };
}

/** Returns the file with that id; null when there is none or the viewer may not read it. */
async function findFile(context: Context, id: string): Promise<AttachmentFacts | null> {
  const { viewer, domain, loaders } = context;
  const found = viewer && (await domain.uploads.byId(id));
  if (!found) return null;
  const { upload, messageId } = found;
  const entry = messageId === null ? null : await loaders.entry.load(messageId);
  if (messageId !== null && entry === null) return null;
  return (await canReadFile(readerOf(context), { id, userId: upload.userId, entry })) ? upload : null;
}
