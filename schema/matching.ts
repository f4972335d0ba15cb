import type { MatchView } from '../api/domain/match-view.ts';
import type { matchEndReasons } from '../api/events.ts';
import { User } from './accounts.ts';
import { builder, textOf } from './builder.ts';
import { Channel } from './channels.ts';
import { requireViewer } from './context.ts';
import { nodeId } from './node-ids.ts';

const MatchStatus = builder.enumType('MatchStatus', {
  description: 'Progress of a search for a stranger.',
  values: {
    WAITING: { description: 'The viewer is in the queue.' },
    MATCHED: { description: 'A partner was found.' },
    ENDED: { description: 'The match, or the wait for one, is over.' },
  } satisfies Record<MatchView['status'], object>,
});

const MatchEndReason = builder.enumType('MatchEndReason', {
  description: 'Reason why a match, or a place in the queue, ended.',
  values: {
    LEFT: { description: 'The viewer left.' },
    PARTNER_LEFT: { description: 'The partner left.' },
    PARTNER_GONE: { description: 'The partner was absent for too long.' },
    EXPIRED: { description: 'The viewer was absent for too long.' },
  } satisfies Record<(typeof matchEndReasons)[number], object>,
});

/** A user's match or place in the queue. */
export const Match = builder.objectRef<MatchView>('Match');

builder.node(Match, {
  description:
    "The viewer's match with a stranger, or place in the queue for one. The id stays the same from waiting to the end.",
  id: nodeId(({ id }) => id),
  loadOne: (id, { viewer, domain }) => viewer && domain.matching.byTicket(viewer, id),
  fields: (t) => ({
    status: t.field({ type: MatchStatus, description: 'Progress of the search.', resolve: ({ status }) => status }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'While WAITING: time at which the place in the queue ends unless it is renewed, by calling `match` again or by a live subscription `match`.',
    }),
    channel: t.field({
      type: Channel,
      nullable: true,
      description: 'The channel in which the two talk. Set once matched.',
      resolve: ({ channelId }, _args, { loaders }) => (channelId === null ? null : loaders.channel.load(channelId)),
    }),
    partner: t.field({
      type: User,
      nullable: true,
      description: 'The other person. Set once matched.',
      resolve: ({ partnerId }, _args, { loaders }) => (partnerId === null ? null : loaders.user.load(partnerId)),
    }),
    endReason: t.field({
      type: MatchEndReason,
      nullable: true,
      description: 'Reason of the end. Set once ENDED.',
      resolve: ({ endReason }) => endReason,
    }),
  }),
});

builder.queryField('match', (t) =>
  t.field({
    type: Match,
    nullable: true,
    description:
      "The viewer's match or place in the queue. Null if there is neither. It does not renew a place; in a match it is a sign of life for viewers without a connection.",
    resolve: (_root, _args, context) => context.domain.matching.current(requireViewer(context)),
  }),
);

const MatchInput = builder.inputType('MatchInput', {
  description:
    'Preferences for a partner. Strangers who share a tag are preferred; after a short wait anyone is accepted, unless `strict`.',
  fields: (t) => ({
    tags: t.stringList({
      extensions: textOf('tag'),
      description:
        'Topics to talk about: at most 10 tags of 1 to 30 characters as readers count them; case, width and the form of accents make no difference.',
    }),
    strict: t.boolean({
      defaultValue: false,
      description: 'Whether to accept only partners who share a tag. Needs at least one tag.',
    }),
  }),
});

builder.mutationFields((t) => ({
  match: t.field({
    type: Match,
    nullable: true,
    description:
      "Joins the queue, or returns the viewer's present match or place. Calling it again renews the place and replaces its preferences. Without a subscription `match` the place ends at `expiresAt`; once there was one, it ends within 2 s after the last has ended.",
    args: {
      input: t.arg({ type: MatchInput, description: 'Preferences for a partner. Without them anyone is accepted.' }),
    },
    resolve: (_root, { input }, context) =>
      context.domain.matching.match(requireViewer(context), {
        tags: input?.tags ?? [],
        strict: input?.strict ?? false,
      }),
  }),
  unmatch: t.field({
    type: Match,
    nullable: true,
    description: 'Leaves the queue or the match. Returns null if there is neither.',
    resolve: (_root, _args, context) => context.domain.matching.unmatch(requireViewer(context)),
  }),
}));

builder.subscriptionField('match', (t) =>
  t.field({
    type: Match,
    nullable: true,
    description:
      "The viewer's match or place in the queue: the present state at once (null if there is none), then every change, and again when the partner goes offline or comes back. The subscription renews the place for as long as it lasts.",
    subscribe: (_root, _args, context) => context.domain.matching.follow(requireViewer(context)),
    resolve: (view) => view,
  }),
);
