import { GraphQLError } from 'graphql';
import { canReadFile } from '../api/domain/access.ts';
import type { PresignedUpload } from '../api/domain/direct-uploads.ts';
import { maxAttachments } from '../api/domain/messages.ts';
import type { IncomingFile } from '../api/domain/streamed-uploads.ts';
import type { AttachmentFacts } from '../api/events.ts';
import { builder, type FilePart, listOf, shareable, textOf } from './builder.ts';
import { type Context, requireViewer } from './context.ts';
import { encodeId, readId } from './ids.ts';
import { Message } from './messages.ts';
import { nodeId } from './node-ids.ts';
import { readerOf } from './reader.ts';

/** Maximum number of fields in the form of an upload: S3 signs nine. */
const maxFormFields = 10;

builder.scalarType('Upload', {
  description: 'A file part of a GraphQL multipart request.',
  serialize: () => {
    throw new GraphQLError('An Upload is an input only.');
  },
  parseValue: (value) => {
    if (isFilePart(value)) return value;
    throw new GraphQLError('An Upload must be a file part of a GraphQL multipart request.');
  },
  parseLiteral: () => {
    throw new GraphQLError('An Upload must be passed as a variable.');
  },
});

function isFilePart(value: unknown): value is FilePart {
  return typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function';
}

const Attachment = builder.objectRef<AttachmentFacts>('Attachment');

builder.node(Attachment, {
  description: 'A file: attached to a message, or uploaded and not attached yet.',
  id: nodeId(({ id }) => id),
  loadOne: (id, context) => findFile(context, id),
  fields: (t) => ({
    filename: t.exposeString('filename', {
      extensions: shareable,
      description: 'Name of the file, at most 240 bytes of UTF-8, safe to store a file under.',
    }),
    mimetype: t.exposeString('mimetype', {
      extensions: shareable,
      description: 'Media type, detected from the content; the type that the client declares is ignored.',
    }),
    byteSize: t.exposeInt('byteSize', { extensions: shareable, description: 'Size in bytes.' }),
    width: t.exposeInt('width', {
      nullable: true,
      extensions: shareable,
      description: 'Width of a picture in pixels, as displayed. Null for other files.',
    }),
    height: t.exposeInt('height', {
      nullable: true,
      extensions: shareable,
      description: 'Height of a picture in pixels, as displayed. Null for other files.',
    }),
    url: t.string({
      extensions: shareable,
      description:
        'Presigned URL of the file, valid until `urlExpiresAt`, some minutes later, or until the message is deleted. Anyone who has the URL can read the file; only members of the channel are given one. Types that a browser could execute are served as downloads.',
      resolve: ({ id, filename }, _args, { domain }) => domain.uploads.urls.url(id, 'file', filename),
    }),
    urlExpiresAt: t.field({
      type: 'DateTime',
      extensions: shareable,
      description: 'Time at which `url` and `thumbnailUrl` expire. Query the attachment again for new ones.',
      resolve: (_file, _args, { domain }) => domain.uploads.urls.expiresAt(),
    }),
    thumbnailUrl: t.string({
      nullable: true,
      extensions: shareable,
      description:
        'Presigned URL of a WebP version of a picture, at most 640 pixels wide and high. Null for other files.',
      resolve: ({ id, filename, width }, _args, { domain }) =>
        width === null ? null : domain.uploads.urls.url(id, 'thumbnail', `${filename}.webp`),
    }),
  }),
});

builder.objectField(Message, 'attachments', (t) =>
  t.field({
    type: [Attachment],
    extensions: { ...shareable, ...listOf(maxAttachments) },
    description: 'Files of the message. Empty once it is deleted.',
    // Bridges of older versions publish entries without this property.
    resolve: ({ attachments }) => attachments ?? [],
  }),
);

builder.mutationField('upload', (t) =>
  t.field({
    type: Attachment,
    nullable: true,
    description:
      'Uploads a file by a GraphQL multipart request: for a channel, to attach with `send`, or without a channel as a picture for `updateProfile`. BAD_USER_INPUT for a file without a channel that is not a picture; CONFLICT if a quota of the viewer or the channel is used up; UNAVAILABLE while the server has no room for files. Unattached uploads are deleted after a day.',
    args: {
      file: t.arg({ type: 'Upload', required: true, description: 'The file, at most `limits.uploadBytes` bytes.' }),
      channelId: t.arg.id({
        description: 'Id of the channel in which the file will be sent. Leave it out for a picture of the viewer.',
      }),
    },
    resolve: (_root, { file, channelId }, context) =>
      context.domain.uploads.upload(requireViewer(context), context, {
        file: () => open(file),
        channelId: channelId == null ? null : readId('Channel', channelId),
      }),
  }),
);

const FormField = builder.objectRef<{ name: string; value: string }>('FormField');
FormField.implement({
  description: 'A field of an HTML form.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name of the field.' }),
    value: t.exposeString('value', { description: 'Value of the field.' }),
  }),
});

const UploadTicket = builder.objectRef<PresignedUpload>('UploadTicket');
UploadTicket.implement({
  description: 'Permission to upload a file directly to the object store, as an HTML form (`multipart/form-data`).',
  fields: (t) => ({
    id: t.id({ description: 'Id to pass to `finishUpload`.', resolve: ({ id }) => encodeId('Attachment', id) }),
    url: t.exposeString('url', { description: 'URL to post the form to.' }),
    fields: t.field({
      type: [FormField],
      extensions: listOf(maxFormFields),
      description: 'Form fields to post before the file, in this order. The file comes last, in a field named `file`.',
      resolve: ({ fields }) => [...fields],
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Time at which the permission expires.' }),
  }),
});

const StartUploadInput = builder.inputType('StartUploadInput', {
  description: 'The file to upload directly.',
  fields: (t) => ({
    channelId: t.id({
      description: 'Id of the channel in which the file will be sent. Leave it out for a picture of the viewer.',
    }),
    filename: t.string({
      required: true,
      extensions: textOf('fileName'),
      description: 'Name of the file. A path, and characters that are not safe in names of files, are removed.',
    }),
    byteSize: t.int({ required: true, description: 'Exact size of the file in bytes.' }),
  }),
});

builder.mutationFields((t) => ({
  startUpload: t.field({
    type: UploadTicket,
    nullable: true,
    description:
      "Begins a direct upload of a big file and returns where and how to post its bytes. CONFLICT if this server's file store has no direct uploads: use `upload`.",
    args: { input: t.arg({ type: StartUploadInput, required: true, description: 'The file to upload.' }) },
    resolve: (_root, { input: { channelId, filename, byteSize } }, context) =>
      context.domain.uploads.startUpload(requireViewer(context), context, {
        channelId: channelId == null ? null : readId('Channel', channelId),
        filename,
        byteSize,
      }),
  }),
  finishUpload: t.field({
    type: Attachment,
    nullable: true,
    description:
      'Completes a direct upload: the type is detected from the content that was posted. BAD_USER_INPUT for a file without a channel that is not a picture. Calling it again returns the same attachment.',
    args: { id: t.arg.id({ required: true, description: 'Id of the `UploadTicket`.' }) },
    resolve: (_root, { id }, context) =>
      context.domain.uploads.finishUpload(requireViewer(context), readId('Attachment', id)),
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
