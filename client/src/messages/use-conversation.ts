import { useEffect, useMemo, useRef } from 'react';
import { useQuery } from 'urql';
import { useViewer } from '../accounts/contexts.ts';
import { useChannels } from '../channels/context.ts';
import { MessageLimitsDocument } from '../gql/graphql.ts';
import { useSeen } from '../receipts/use-seen.ts';
import { useReadable } from '../ui/use-readable.ts';
import { useUploads } from '../uploads/use-uploads.ts';
import { useMessaging } from './context.ts';
import type { Conversation, ConversationState } from './conversation.ts';
import type { Message } from './message.ts';
import { type Row, toRows } from './rows.ts';
import { useComposer } from './use-composer.ts';
import { useNewMessages } from './use-new-messages.ts';
import { useScroll } from './use-scroll.ts';

/** Used until the server's limits are loaded. */
const defaultMaxMessageBytes = 4_096;

/**
 * Opens a channel's conversation while the component is mounted, and returns its state and actions for the view.
 * @param isOver true if nobody can write in the channel, even though it is not closed yet
 */
export function useConversation(channelId: string, isOver: boolean) {
  const { viewerId } = useViewer();
  const conversation = useMessaging().conversation(channelId);
  const state = useReadable(conversation);
  const { entries } = useReadable(conversation.messages);
  const listed = useReadable(useChannels()).channels.find(({ id }) => id === channelId);
  const channel = listed ?? state.channel;
  const isReady = state.status === 'ready';
  const input = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    conversation.open();
    return conversation.close;
  }, [conversation]);

  const rows = useRows(conversation, entries, state);
  const scroll = useScroll({ rows, older: state.older, isReady, onNearBeginning: () => void conversation.loadOlder() });
  const newMessages = useNewMessages({ entries, isReady, isAtEnd: scroll.isAtEnd, viewerId });
  useSeen({ channelId, lastSeq: entries.at(-1)?.seq ?? 0, isEndInView: isReady && scroll.isAtEnd });
  const limits = useLimits();
  const uploads = useUploads(channelId, limits);
  const composer = useComposer({
    conversation,
    messages: entries,
    input,
    maxBytes: limits.messageBytes,
    uploads,
    onSend: scroll.toEnd,
  });

  return {
    conversation,
    state,
    channel,
    isReady,
    isClosed: isOver || (channel?.closedAt ?? null) !== null || state.status === 'ended',
    isEmpty: entries.length === 0,
    rows: isReady || entries.length > 0 ? rows : [],
    scroll,
    newMessages,
    uploads,
    composer,
    input,
  };
}

function useRows(
  { channelId }: Conversation,
  messages: readonly Message[],
  { seenSeq, openedSeq }: ConversationState,
): Row[] {
  const { viewerId } = useViewer();
  const outbox = useReadable(useMessaging().outbox);
  return useMemo(() => {
    const pending = outbox.filter((message) => message.channelId === channelId);
    return toRows({ messages, pending, viewerId, seenSeq, openedSeq });
  }, [messages, outbox, channelId, viewerId, seenSeq, openedSeq]);
}

function useLimits() {
  const [{ data }] = useQuery({ query: MessageLimitsDocument });
  return {
    messageBytes: data?.limits.messageBytes ?? defaultMaxMessageBytes,
    bytes: data?.limits.uploadBytes ?? Number.POSITIVE_INFINITY,
    files: data?.limits.attachments ?? Number.POSITIVE_INFINITY,
  };
}
