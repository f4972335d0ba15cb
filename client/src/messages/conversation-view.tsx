import { type ReactNode, useState } from 'react';
import { channelName } from '../channels/channel-list.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { EmptyState, FailureNote, Skeleton } from '../ui/notice.tsx';
import { texts } from '../ui/texts.ts';
import { fileDropHandlers } from '../uploads/file-drop.ts';
import { Composer } from './composer.tsx';
import type { ConversationState } from './conversation.ts';
import type { Message } from './message.ts';
import { focusRow, MessageList } from './message-list.tsx';
import { useConversation } from './use-conversation.ts';

interface ConversationViewProps {
  channelId: string;
  /** Shown above the first message instead of the default text. */
  intro?: ReactNode;
  /** Shown below the last message; set if the conversation is over. */
  outro?: string;
}

/** The messages of a channel and the composer. */
export function ConversationView({ channelId, intro, outro }: ConversationViewProps) {
  const {
    conversation,
    state,
    channel,
    isReady,
    isClosed,
    isEmpty,
    rows,
    scroll,
    newMessages,
    uploads,
    composer,
    input,
  } = useConversation(channelId, outro !== undefined);
  const [deleting, setDeleting] = useState<Message | null>(null);
  const name = channel ? channelName(channel) : '';
  const actions = { reply: composer.reply, edit: composer.edit, remove: setDeleting, show: showMessage };

  return (
    <div
      className="conversation"
      data-sided={channel?.kind !== 'ROOM' || undefined}
      {...(isClosed ? {} : fileDropHandlers(uploads.add))}
    >
      <LoadingState state={state} />
      <MessageList
        log={scroll.log}
        label={texts.messages.log(name)}
        rows={rows}
        older={state.older}
        onScroll={scroll.onScroll}
        loadOlder={() => void conversation.loadOlder()}
        actions={isClosed ? null : actions}
        intro={isReady && (intro ?? <Beginning isEmpty={isEmpty} />)}
        outro={isClosed && isReady && <p className="log-end">{outro ?? closedText(channel?.kind)}</p>}
        onEscape={() => input.current?.focus()}
      />
      <p className="hidden" role="status">
        {newMessages.announcement}
      </p>
      <div className="conversation-foot">
        {!scroll.isAtEnd && <JumpToEnd newMessages={newMessages.count} onClick={scroll.toEnd} />}
        {isClosed ? (
          <p className="composer-closed">{state.status === 'ended' ? texts.messages.ended : texts.messages.closed}</p>
        ) : (
          <Composer input={input} label={texts.messages.composer(name)} composer={composer} uploads={uploads} />
        )}
      </div>
      {deleting && (
        <Confirm
          title={texts.messages.deleteQuestion}
          note={texts.messages.deleteNote}
          action={texts.messages.delete}
          onConfirm={() => {
            void conversation.remove(deleting.id);
            setDeleting(null);
          }}
          onClose={() => setDeleting(null)}
        />
      )}
    </div>
  );

  function showMessage(messageId: string): void {
    const row = rows.find((candidate) => candidate.kind === 'message' && candidate.message.id === messageId);
    if (row) focusRow(scroll.log.current, row.key);
  }
}

function LoadingState({ state: { status, failure } }: { state: ConversationState }) {
  if (status === 'loading' && !failure) return <Skeleton lines={6} variant="message" />;
  return status === 'loading' && failure && <FailureNote title={texts.messages.failed} failure={failure} />;
}

function JumpToEnd({ newMessages, onClick }: { newMessages: number; onClick: () => void }) {
  return (
    <div className="pill">
      <Button icon="down" aria-label={newMessages > 0 ? undefined : texts.messages.toEnd} onClick={onClick}>
        {newMessages > 0 ? texts.messages.newMessages(newMessages) : ''}
      </Button>
    </div>
  );
}

function Beginning({ isEmpty }: { isEmpty: boolean }) {
  if (isEmpty) return <EmptyState title={texts.messages.empty} hint={texts.messages.emptyHint} />;
  return <p className="log-beginning-text">{texts.messages.beginning}</p>;
}

function closedText(kind: string | undefined): string {
  return kind === 'ROOM' ? texts.rooms.closed : texts.match.ended('', null);
}
