import { builder } from './builder.ts';
import type { LimitValues } from './domain.ts';
import { maxPageSize } from './pages.ts';

const Limits = builder.objectRef<LimitValues>('Limits');

Limits.implement({
  description: 'Bounds of this server that a client should know.',
  fields: (t) => ({
    messageBytes: t.exposeInt('messageBytes', {
      description: "Maximum length of a message's text as sent, in bytes of UTF-8.",
    }),
    dataBytes: t.exposeInt('dataBytes', {
      description: 'Maximum length of the custom data of a user, a channel or a message, in bytes of JSON in UTF-8.',
    }),
    mentions: t.exposeInt('mentions', { description: 'Maximum number of users whom a message mentions by their ids.' }),
    uploadBytes: t.exposeInt('uploadBytes', { description: 'Maximum size of one file, in bytes.' }),
    attachments: t.exposeInt('attachments', { description: 'Maximum number of files per message.' }),
    pageSize: t.int({ description: 'Maximum number of nodes per page of a connection.', resolve: () => maxPageSize }),
    replay: t.exposeInt('replay', {
      description:
        'Maximum number of changes that a subscription replays; a client further behind gets RESYNC_REQUIRED.',
    }),
    reactions: t.exposeInt('reactions', {
      description: 'Maximum number of kinds of reactions, that is of different emoji, to one message.',
    }),
    pins: t.exposeInt('pins', { description: 'Maximum number of pinned messages of a channel.' }),
    retentionDays: t.int({
      description: 'Days for which messages are kept, rounded up; 0: they are never removed because of their age.',
      resolve: ({ retentionDays }) => Math.ceil(retentionDays),
    }),
    cursorDays: t.exposeInt('cursorDays', {
      description: 'Days for which a cursor of `updates` can be used; an older one gets RESYNC_REQUIRED.',
    }),
    passwordLength: t.exposeInt('passwordLength', {
      description: 'Minimum length of a new password, in Unicode code points after normalisation by NFKC.',
    }),
  }),
});

builder.queryField('limits', (t) =>
  t.field({
    type: Limits,
    description: 'Bounds of this server that a client should know.',
    resolve: (_root, _args, { domain }) => domain.limits,
  }),
);
