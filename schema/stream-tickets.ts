import type { StreamTicket as StreamTicketFacts } from '../api/domain/stream-tickets.ts';
import { builder } from './builder.ts';
import { requireViewer } from './context.ts';

const StreamTicket = builder.objectRef<StreamTicketFacts>('StreamTicket');
StreamTicket.implement({
  description: 'Permission to open one stream of server-sent events by its URL, for clients that cannot set headers.',
  fields: (t) => ({
    ticket: t.exposeString('ticket', {
      description: 'Value of the parameter `ticket` in the URL of a subscription. It works once.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'Time until which it opens the stream, one minute after its creation.',
    }),
  }),
});

builder.mutationField('createStreamTicket', (t) =>
  t.field({
    type: StreamTicket,
    nullable: true,
    description:
      'Creates a ticket for `EventSource`, which cannot send a token: a GET request for a subscription with `&ticket=…`. The browser can open that stream again for a day, as long as the session lasts. RATE_LIMITED after 60 a minute.',
    resolve: (_root, _args, context) => context.domain.streamTickets.create(requireViewer(context)),
  }),
);
