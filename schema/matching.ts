import type { MatchView } from '../api/domain/match-view.ts';
import type { matchEndReasons } from '../api/events.ts';
import { User } from './accounts.ts';
import { builder } from './builder.ts';
import { Channel } from './channels.ts';
import { requireViewer } from './context.ts';

const MatchStatus = builder.enumType('MatchStatus', {
  description: 'How far a search for a stranger has come.',
  values: {
    WAITING: { description: 'In the queue.' },
    MATCHED: { description: 'Somebody was found.' },
    ENDED: { description: 'It is over.' },
  } satisfies Record<MatchView['status'], object>,
});

const MatchEndReason = builder.enumType('MatchEndReason', {
  description: 'Why a match, or a place in the queue, is over.',
  values: {
    LEFT: { description: 'The viewer left.' },
    PARTNER_LEFT: { description: 'The partner left.' },
    PARTNER_GONE: { description: 'The partner stayed away for too long.' },
    EXPIRED: { description: 'The viewer stayed away for too long.' },
  } satisfies Record<(typeof matchEndReasons)[number], object>,
});

const Match = builder.objectRef<MatchView>('Match');

builder.node(Match, {
  description: "The viewer's match with a stranger, or the place in the queue for one. It keeps its id throughout.",
  id: { resolve: ({ id }) => id },
  loadOne: (id, { viewer, domain }) => viewer && domain.matching.byTicket(viewer, id),
  fields: (t) => ({
    status: t.field({ type: MatchStatus, description: 'How far it has come.', resolve: ({ status }) => status }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'While WAITING: when the place in the queue ends unless it is renewed, by `match` or a live `match` subscription.',
    }),
    channel: t.field({
      type: Channel,
      nullable: true,
      description: 'Where the two meet; set once matched.',
      resolve: ({ channelId }, _args, { loaders }) => (channelId === null ? null : loaders.channel.load(channelId)),
    }),
    partner: t.field({
      type: User,
      nullable: true,
      description: 'Who was found; set once matched.',
      resolve: ({ partnerId }, _args, { loaders }) => (partnerId === null ? null : loaders.user.load(partnerId)),
    }),
    endReason: t.field({
      type: MatchEndReason,
      nullable: true,
      description: 'Why it is over; set once ENDED.',
      resolve: ({ endReason }) => endReason,
    }),
  }),
});

builder.queryField('match', (t) =>
  t.field({
    type: Match,
    nullable: true,
    description: "The viewer's match or place in the queue; null when there is neither.",
    resolve: (_root, _args, context) => context.domain.matching.current(requireViewer(context)),
  }),
);

const MatchInput = builder.inputType('MatchInput', {
  description:
    'Whom to meet. Strangers who share a tag are preferred; after a short wait anyone will do, unless `strict`.',
  fields: (t) => ({
    tags: t.stringList({ description: 'What to talk about: at most 10 tags of 1 to 30 characters, in any case.' }),
    strict: t.boolean({ defaultValue: false, description: 'Only somebody who shares a tag.' }),
  }),
});

builder.mutationFields((t) => ({
  match: t.field({
    type: Match,
    nullable: true,
    description:
      "Joins the queue, or returns the viewer's present match or place. Calling it again renews the place and changes its wishes.",
    args: { input: t.arg({ type: MatchInput, description: 'Whom to meet; anyone unless given.' }) },
    resolve: (_root, { input }, context) =>
      context.domain.matching.match(requireViewer(context), {
        tags: input?.tags ?? [],
        strict: input?.strict ?? false,
      }),
  }),
  unmatch: t.field({
    type: Match,
    nullable: true,
    description: 'Leaves the queue or the match; null when there is neither.',
    resolve: (_root, _args, context) => context.domain.matching.unmatch(requireViewer(context)),
  }),
}));

builder.subscriptionField('match', (t) =>
  t.field({
    type: Match,
    nullable: true,
    description:
      "The viewer's match or place in the queue: its present state at once (null when there is none), then every change. While it lasts it renews the place.",
    subscribe: (_root, _args, context) => context.domain.matching.follow(requireViewer(context)),
    resolve: (view) => view,
  }),
);
