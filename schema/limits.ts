import { builder } from './builder.ts';
import type { LimitValues } from './domain.ts';
import { maxPageSize } from './pages.ts';

const Limits = builder.objectRef<LimitValues>('Limits');

Limits.implement({
  description: 'The bounds of this server that a client should know.',
  fields: (t) => ({
    messageBytes: t.exposeInt('messageBytes', { description: 'Of the text of one message, in UTF-8.' }),
    uploadBytes: t.exposeInt('uploadBytes', { description: 'Of one file.' }),
    attachments: t.exposeInt('attachments', { description: 'Files of one message.' }),
    pageSize: t.int({ description: 'The most that one page of a connection holds.', resolve: () => maxPageSize }),
    replay: t.exposeInt('replay', {
      description: 'How many changes a subscription replays; who is further behind gets RESYNC_REQUIRED.',
    }),
  }),
});

builder.queryField('limits', (t) =>
  t.field({
    type: Limits,
    description: 'The bounds of this server that a client should know.',
    resolve: (_root, _args, { domain }) => domain.limits,
  }),
);
