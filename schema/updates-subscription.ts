import { builder, textOf } from './builder.ts';
import { requireViewer } from './context.ts';
import { Update } from './updates.ts';

builder.subscriptionField('updates', (t) =>
  t.field({
    type: Update,
    description:
      "Everything that concerns the viewer, over one subscription: messages of all the viewer's channels, channels that changed, the viewer's memberships and match, and profiles of users. With `after`, first everything that changed since, then CaughtUp, then live. Without it, CaughtUp at once, then live. Messages of a channel come in order of `position`, nothing lost; after a reconnect an update may repeat one that was received, in the same state. A channel with too many changes to replay yields ResyncRequired for that channel alone. BAD_USER_INPUT for a cursor that cannot be read; RESYNC_REQUIRED for one that is older than `limits.cursorDays`, of another log or beyond the newest change: load everything again.",
    args: {
      after: t.arg.string({
        extensions: textOf('cursor', { maxBytes: 8_192 }),
        description: 'Newest cursor received. Without it nothing has changed.',
      }),
    },
    // Browsers connect again with the arguments of the first time, so the id of the last event wins.
    subscribe: (_root, { after }, context) =>
      context.domain.liveUpdates.follow(requireViewer(context), {
        after: context.lastEventId ?? after ?? null,
        isWanted: () => context.execution?.isOver !== true,
      }),
    resolve: (update) => update,
  }),
);
