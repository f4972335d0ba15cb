import type { Entry } from '../api/events.ts';
import { builder, costs, shareable } from './builder.ts';
import type { Context } from './context.ts';
import { parseSeq, seqOf } from './message-pages.ts';
import { Message } from './messages.ts';
import { type ConnectionArguments, readPage, toConnection } from './pages.ts';

builder.objectFields(Message, (t) => ({
  replyCount: t.int({
    extensions: shareable,
    description:
      'Messages that reply to this one, deleted ones left out. It is the same for everybody: replies of users whom the viewer has blocked count.',
    // Bridges of older versions publish entries without this property.
    resolve: ({ replyCount }) => replyCount ?? 0,
  }),
  replies: t.connection(
    {
      type: Message,
      nullable: true,
      extensions: costs(2),
      description:
        'The messages that reply to this one, in order of `seq`; without arguments the first page. Like the history it has deleted messages, and none of users whom the viewer has blocked. Null if the viewer is not a member.',
      resolve: (message, args, context) => loadReplies(message, args, context),
    },
    { description: 'A page of the replies to a message.' },
    { name: 'MessageRepliesEdge', description: 'A reply to a message.' },
  ),
}));

async function loadReplies({ id: messageId, channelId }: Entry, args: ConnectionArguments, { loaders }: Context) {
  const request = readPage(args, parseSeq);
  const page = await loaders.replies.load({ channelId, messageId, request });
  return page && toConnection(page, request, seqOf);
}
