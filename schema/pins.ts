import { canReadChannel } from '../api/domain/access.ts';
import { builder, costs, listOf, shareable } from './builder.ts';
import { Channel } from './channels.ts';
import { requireViewer } from './context.ts';
import { readId } from './ids.ts';
import { Message } from './messages.ts';
import { readerOf } from './reader.ts';

/** Number of pinned messages that a channel has for its price: few have more. */
const pricedPins = 5;

builder.objectField(Message, 'pinnedAt', (t) =>
  t.field({
    type: 'DateTime',
    nullable: true,
    extensions: shareable,
    description: 'Time at which the message was pinned. Null if it is not pinned.',
    // Bridges of older versions publish entries without this property.
    resolve: ({ pinnedAt }) => pinnedAt ?? null,
  }),
);

builder.objectField(Channel, 'pinnedMessages', (t) =>
  t.field({
    type: [Message],
    nullable: true,
    extensions: { ...costs(2), ...listOf(pricedPins) },
    description:
      'The pinned messages, newest pin first: at most `limits.pins`, without those of users whom the viewer has blocked. Null if the viewer is not a member.',
    resolve: async ({ id }, _args, context) =>
      (await canReadChannel(readerOf(context), id)) ? context.loaders.pinned.load(id) : null,
  }),
);

builder.mutationFields((t) => {
  const args = { messageId: t.arg.id({ required: true, description: 'Id of the message.' }) };
  return {
    pinMessage: t.field({
      type: Message,
      nullable: true,
      description:
        'Pins a message to its channel: for members with the capability PIN. A repeated call is harmless. CONFLICT if the message is deleted, its channel is closed, or it has `limits.pins` pinned messages.',
      args,
      resolve: (_root, { messageId }, context) =>
        context.domain.pins.pin(requireViewer(context), readId('Message', messageId)),
    }),
    unpinMessage: t.field({
      type: Message,
      nullable: true,
      description: 'Takes the pin of a message away, by the rules of `pinMessage`. A repeated call is harmless.',
      args,
      resolve: (_root, { messageId }, context) =>
        context.domain.pins.unpin(requireViewer(context), readId('Message', messageId)),
    }),
  };
});
