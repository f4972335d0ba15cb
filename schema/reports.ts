import { canReadEntry } from '../api/domain/access.ts';
import type { Entry } from '../api/events.ts';
import type { Report as ReportRow } from '../prisma/generated/client.ts';
import { User } from './accounts.ts';
import { builder, costs } from './builder.ts';
import { type Context, requireViewer } from './context.ts';
import { parseTimeKey, timeKey } from './cursors.ts';
import { readId } from './ids.ts';
import { Message } from './messages.ts';
import { nodeId } from './node-ids.ts';
import { readPage, toConnection } from './pages.ts';
import { readerOf } from './reader.ts';
import { reasonText, viewerIsModerator } from './suspensions.ts';

const ReportStatus = builder.enumType('ReportStatus', {
  description: 'Status of a report.',
  values: {
    OPEN: { description: 'No moderator has resolved it yet.' },
    RESOLVED: { description: 'A moderator has resolved it.' },
  },
});

const ReportAction = builder.enumType('ReportAction', {
  description: 'How a moderator of the service resolves a report.',
  values: {
    DISMISS: { description: 'Nothing is done.' },
    DELETE_MESSAGE: { description: 'The message is deleted, in any channel. For reports of a message only.' },
    SUSPEND_USER: { description: 'The user who was reported is suspended, without an end.' },
  } satisfies Record<NonNullable<ReportRow['action']>, object>,
});

const Report = builder.objectRef<ReportRow>('Report');

builder.node(Report, {
  description:
    'A report of a message or a user. Only moderators of the service can fetch it; its reporter gets it as the result of `report`.',
  id: nodeId(({ id }) => id),
  loadOne: async (id, context) => ((await viewerIsModerator(context)) ? context.domain.reports.find(id) : null),
  fields: (t) => ({
    reporter: t.field({
      type: User,
      description: 'The user who reported.',
      resolve: ({ reporterId }, _args, { loaders }) => loaders.presentUser(reporterId),
    }),
    user: t.field({
      type: User,
      description: 'The user who is reported: the one named, or the author of the message.',
      resolve: ({ userId }, _args, { loaders }) => loaders.presentUser(userId),
    }),
    message: t.field({
      type: Message,
      nullable: true,
      description:
        'The message that is reported, as it is now. Moderators of the service see it, with its files, without being a member. Null for a report of a user, if the message was removed by retention, or if the viewer may not read it.',
      resolve: ({ messageId }, _args, context) => (messageId === null ? null : reportedMessage(context, messageId)),
    }),
    text: t.exposeString('text', {
      nullable: true,
      description:
        'Text of the message when it was reported, also after an edit or a deletion. Null for a report of a user.',
    }),
    reason: t.exposeString('reason', { description: 'Reason that the reporter gave.' }),
    status: t.field({
      type: ReportStatus,
      description: 'Status of the report.',
      resolve: ({ resolvedAt }) => (resolvedAt === null ? 'OPEN' : 'RESOLVED'),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'Time of the report.' }),
    resolvedAt: t.expose('resolvedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time at which a moderator resolved it. Null while it is open.',
    }),
    resolvedBy: t.field({
      type: User,
      nullable: true,
      description: 'The moderator who resolved it. Null while it is open.',
      resolve: ({ resolvedById }, _args, { loaders }) =>
        resolvedById === null ? null : loaders.user.load(resolvedById),
    }),
    action: t.expose('action', {
      type: ReportAction,
      nullable: true,
      description: 'How it was resolved. Null while it is open.',
    }),
    note: t.exposeString('note', { nullable: true, description: 'Note of the moderator who resolved it, if any.' }),
  }),
});

builder.queryField('reports', (t) =>
  t.connection(
    {
      type: Report,
      nullable: true,
      extensions: costs(5),
      description:
        'Reports of messages and users, oldest first. For moderators of the service; FORBIDDEN for others. Open ones are kept for a year, resolved ones for 30 days.',
      args: {
        status: t.arg({ type: ReportStatus, defaultValue: 'OPEN', description: 'Status of the reports to return.' }),
      },
      resolve: async (_root, { status, ...args }, context) => {
        const request = readPage(args, parseTimeKey);
        const page = await context.domain.reports.page(requireViewer(context), status !== 'RESOLVED', request);
        return toConnection(page, request, ({ createdAt, id }) => timeKey({ at: createdAt, id }));
      },
    },
    { name: 'ReportConnection', description: 'A page of reports.' },
    { name: 'ReportEdge', description: 'A report.' },
  ),
);

const ReportInput = builder.inputType('ReportInput', {
  description: 'The message or user to report: exactly one of the two.',
  fields: (t) => ({
    messageId: t.id({ description: 'Id of a message of another user that the viewer may read.' }),
    userId: t.id({ description: 'Id of another user.' }),
    reason: t.string({
      required: true,
      extensions: reasonText,
      description: 'Reason, for the moderators of the service: at most 4,096 bytes of UTF-8.',
    }),
  }),
});

builder.mutationFields((t) => ({
  report: t.field({
    type: Report,
    nullable: true,
    description:
      'Reports a message or a user to the moderators of the service, who see the text of the message as it is now. Nobody else learns of it. While the viewer has an open report of the same message or user, that one is returned.',
    args: { input: t.arg({ type: ReportInput, required: true, description: 'The report.' }) },
    resolve: (_root, { input: { messageId, userId, reason } }, context) =>
      context.domain.reports.file(requireViewer(context), {
        messageId: messageId == null ? null : readId('Message', messageId),
        userId: userId == null ? null : readId('User', userId),
        reason,
      }),
  }),
  resolveReport: t.field({
    type: Report,
    nullable: true,
    description:
      'Resolves a report. For moderators of the service; FORBIDDEN for others, and for the reported user. CONFLICT if another moderator has resolved it. If the action fails, the report stays open.',
    args: {
      id: t.arg.id({ required: true, description: 'Id of the report.' }),
      action: t.arg({ type: ReportAction, required: true, description: 'The action to take.' }),
      note: t.arg.string({
        extensions: reasonText,
        description:
          'Note for other moderators and the audit trail, at most 4,096 bytes of UTF-8. With SUSPEND_USER it is the reason of the suspension; without it, that of the report is.',
      }),
    },
    resolve: (_root, { id, action, note }, context) =>
      context.domain.reports.resolve(requireViewer(context), readId('Report', id), { action, note: note ?? null }),
  }),
}));

async function reportedMessage(context: Context, id: string): Promise<Entry | null> {
  const entry = await context.loaders.entry.load(id);
  if (entry === null || (await viewerIsModerator(context))) return entry;
  return (await canReadEntry(readerOf(context), entry)) ? entry : null;
}
