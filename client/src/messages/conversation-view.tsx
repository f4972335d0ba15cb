import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useQuery } from 'urql';
import { channelName } from '../channels/channel-list-view.tsx';
import { MessageLimitsDocument } from '../gql/graphql.ts';
import { useWorkspace } from '../parley-context.tsx';
import { useSeen } from '../receipts/use-seen.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { EmptyState, FailureNote, Skeleton } from '../ui/notice.tsx';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import { fileDrop } from '../uploads/file-drop.ts';
import { NewFiles } from '../uploads/new-files.tsx';
import { useUploads } from '../uploads/use-uploads.ts';
import { Composer } from './composer.tsx';
import type { Message } from './conversation.ts';
import { focusRow, MessageList } from './message-list.tsx';
import { toRows } from './rows.ts';
import { useComposer } from './use-composer.ts';
import { useNews } from './use-news.ts';
import { useScroll } from './use-scroll.ts';

interface ConversationViewProps {
  channelId: string;
  /** Above the first message, in place of the ordinary words. */
  intro?: ReactNode;
  /** It is over: said below the last message. */
  outro?: string;
}

/** What the server takes unless it says otherwise. */
const USUAL_MAX_BYTES = 4_096;

/** The messages of a channel and where one writes. */
export function ConversationView({ channelId, intro, outro }: ConversationViewProps) {
  const { conversation: find, outbox, channels, viewerId } = useWorkspace();
  const conversation = find(channelId);
  const state = useReadable(conversation);
  const { entries } = useReadable(conversation.messages);
  const pending = useReadable(outbox);
  const listed = useReadable(channels).channels.find(({ id }) => id === channelId);
  const [limits] = useQuery({ query: MessageLimitsDocument });
  const [removing, setRemoving] = useState<Message | null>(null);
  const input = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    conversation.open();
    return conversation.close;
  }, [conversation]);

  const channel = listed ?? state.channel;
  const isReady = state.status === 'ready';
  const isClosed = outro !== undefined || (channel?.closedAt ?? null) !== null || state.status === 'ended';
  const rows = useMemo(
    () =>
      toRows({
        messages: entries,
        pending: pending.filter((message) => message.channelId === channelId),
        viewerId,
        seenSeq: state.seenSeq,
        openedSeq: state.openedSeq,
      }),
    [entries, pending, channelId, viewerId, state.seenSeq, state.openedSeq],
  );
  const scroll = useScroll({ rows, isReady, onBeginning: () => void conversation.loadOlder() });
  const news = useNews({ entries, isReady, isAtEnd: scroll.isAtEnd, viewerId });
  useSeen({ channelId, entries, isReady, isAtEnd: scroll.isAtEnd });
  const uploads = useUploads(channelId, {
    bytes: limits.data?.limits.uploadBytes ?? Number.POSITIVE_INFINITY,
    files: limits.data?.limits.attachments ?? Number.POSITIVE_INFINITY,
  });
  const composer = useComposer({
    conversation,
    messages: entries,
    input,
    maxBytes: limits.data?.limits.messageBytes ?? USUAL_MAX_BYTES,
    uploads,
    onSend: () => scroll.toEnd(),
  });

  const name = channel ? channelName(channel) : '';
  const isSided = channel?.kind !== 'ROOM';
  return (
    <div className="conversation" data-sided={isSided || undefined} {...(isClosed ? {} : fileDrop(uploads.add))}>
      {state.failure && !isReady && state.status !== 'ended' && (
        <FailureNote what={texts.messages.failed} failure={state.failure} />
      )}
      {state.status === 'loading' && !state.failure && <Skeleton lines={6} look="message" />}
      <MessageList
        log={scroll.log}
        label={texts.messages.log(name)}
        rows={isReady || entries.length > 0 ? rows : []}
        older={state.older}
        onScroll={scroll.onScroll}
        loadOlder={() => void conversation.loadOlder()}
        actions={
          isClosed
            ? null
            : {
                reply: composer.reply,
                edit: composer.edit,
                remove: setRemoving,
                show: (messageId) => showMessage(messageId),
              }
        }
        intro={isReady && (intro ?? <Beginning isEmpty={entries.length === 0} />)}
        outro={isClosed && isReady && <p className="log-end">{outro ?? closedWords(channel?.kind)}</p>}
        onLeave={() => input.current?.focus()}
      />
      <p className="hidden" role="status">
        {news.announcement}
      </p>
      <div className="conversation-foot">
        {!scroll.isAtEnd && (
          <div className="pill">
            <Button
              icon="down"
              aria-label={news.count > 0 ? undefined : texts.messages.toEnd}
              onClick={() => scroll.toEnd()}
            >
              {news.count > 0 ? texts.messages.newMessages(news.count) : ''}
            </Button>
          </div>
        )}
        {isClosed ? (
          <p className="composer-closed">{state.status === 'ended' ? texts.messages.ended : texts.messages.closed}</p>
        ) : (
          <Composer
            input={input}
            label={texts.messages.composer(name)}
            text={composer.text}
            context={composer.context}
            note={composer.note}
            canSend={composer.canSend}
            files={<NewFiles files={uploads.files} leftOut={uploads.leftOut} remove={uploads.remove} />}
            onAttach={uploads.add}
            onChange={composer.change}
            onSubmit={composer.submit}
            onEditLast={composer.editLast}
            onCancel={composer.cancel}
          />
        )}
      </div>
      {removing && (
        <Confirm
          title={texts.messages.deleteQuestion}
          note={texts.messages.deleteNote}
          action={texts.messages.delete}
          onConfirm={() => {
            void conversation.remove(removing.id);
            setRemoving(null);
          }}
          onClose={() => setRemoving(null)}
        />
      )}
    </div>
  );

  function showMessage(messageId: string): void {
    const message = entries.find(({ id }) => id === messageId);
    const row = rows.find((candidate) => candidate.kind === 'message' && candidate.message === message);
    if (row) focusRow(scroll.log.current, row.key);
  }
}

function Beginning({ isEmpty }: { isEmpty: boolean }) {
  if (isEmpty) return <EmptyState title={texts.messages.empty} hint={texts.messages.emptyHint} />;
  return <p className="log-beginning-words">{texts.messages.beginning}</p>;
}

function closedWords(kind: string | undefined): string {
  return kind === 'ROOM' ? texts.rooms.closed : texts.match.ended('', null);
}
