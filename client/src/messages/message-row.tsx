import type { ReactNode } from 'react';
import { Avatar } from '../ui/avatar.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';
import { Time } from '../ui/time.tsx';
import { Attachments } from '../uploads/attachments.tsx';
import type { Message } from './conversation.ts';
import { MessageText } from './message-text.tsx';
import type { Pending } from './outbox.ts';
import type { Row } from './rows.ts';

export interface MessageActions {
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  remove: (message: Message) => void;
  /** Scrolls to a message of this conversation, when it is loaded. */
  show: (messageId: string) => void;
}

interface MessageRowProps {
  row: Extract<Row, { kind: 'message' }>;
  /** Null when nothing can be done any more. */
  actions: MessageActions | null;
  /** Its actions can be reached with Tab. */
  isActive: boolean;
}

/** One message: who and when at the head of a group, what it answers, its words, and what can be done with it. */
export function MessageRow({ row, actions, isActive }: MessageRowProps) {
  const { message, isOwn, isFirst } = row;
  const isDeleted = message.deletedAt !== null;
  return (
    <>
      {isFirst && <MessageHead author={message.author} at={message.sentAt} />}
      <div className="bubble" data-deleted={isDeleted || undefined}>
        {message.replyTo && !isDeleted && <Quote replyTo={message.replyTo} show={actions?.show} />}
        <Attachments messageId={message.id} given={message.attachments} />
        {isDeleted ? <em>{texts.messages.deleted}</em> : <MessageText text={message.text} />}
        <span className="bubble-foot">
          {message.editedAt && !isDeleted && <span className="bubble-note">{texts.messages.edited}</span>}
          {isOwn && !isDeleted && <State icon="check" words={texts.messages.sent} />}
        </span>
        {actions && !isDeleted && <Toolbar message={message} isOwn={isOwn} actions={actions} isActive={isActive} />}
      </div>
    </>
  );
}

interface PendingRowProps {
  pending: Pending;
  author: Message['author'] | null;
  isOffline: boolean;
  tryAgain: (clientId: string) => void;
  discard: (clientId: string) => void;
}

/** A message of one's own that has no place yet. */
export function PendingRow({ pending, author, isOffline, tryAgain, discard }: PendingRowProps) {
  const { text, clientId, failure } = pending;
  return (
    <>
      {author && <MessageHead author={author} at={pending.writtenAt} />}
      <div className="bubble" data-state={pending.state}>
        <MessageText text={text || texts.files.one} />
        <span className="bubble-foot">
          {pending.state === 'sending' ? (
            <State icon="clock" words={isOffline ? texts.messages.waitingForConnection : texts.messages.sending} />
          ) : (
            <State icon="alert" words={texts.messages.notSent} />
          )}
        </span>
      </div>
      {pending.state === 'failed' && (
        <div className="not-sent" role="alert">
          <p>
            <strong>{texts.messages.notSent}</strong> {failure && texts.failure(failure)}
          </p>
          <Button look="link" onClick={() => tryAgain(clientId)}>
            {texts.tryAgain}
          </Button>
          <Button look="link" onClick={() => discard(clientId)}>
            {texts.messages.discard}
          </Button>
        </div>
      )}
    </>
  );
}

function MessageHead({ author, at }: { author: Message['author']; at: string }) {
  return (
    <div className="message-head">
      <Avatar user={author} size="small" />
      <span className="message-author">{author.name}</span>
      <Time at={at} />
    </div>
  );
}

function State({ icon, words }: { icon: 'check' | 'clock' | 'alert'; words: string }) {
  return (
    <span className="bubble-state" title={words}>
      <Icon name={icon} />
      <span className="hidden">{words}</span>
    </span>
  );
}

function Quote({
  replyTo,
  show,
}: {
  replyTo: NonNullable<Message['replyTo']>;
  show: MessageActions['show'] | undefined;
}) {
  const words: ReactNode = (
    <>
      <span className="hidden">{texts.messages.replyTo(replyTo.author.name)}: </span>
      <span className="quote-author" aria-hidden="true">
        {replyTo.author.name}
      </span>
      <span className="quote-text">{replyTo.deletedAt ? texts.messages.deleted : replyTo.text || texts.files.one}</span>
    </>
  );
  return (
    <button type="button" className="quote" tabIndex={-1} onClick={() => show?.(replyTo.id)}>
      {words}
    </button>
  );
}

interface ToolbarProps {
  message: Message;
  isOwn: boolean;
  actions: MessageActions;
  isActive: boolean;
}

function Toolbar({ message, isOwn, actions, isActive }: ToolbarProps) {
  const tabIndex = isActive ? 0 : -1;
  return (
    <div className="toolbar" role="toolbar" aria-label={texts.messages.actions}>
      <IconButton
        icon="reply"
        label={texts.messages.reply}
        tabIndex={tabIndex}
        onClick={() => actions.reply(message)}
      />
      {isOwn && (
        <>
          <IconButton
            icon="pencil"
            label={texts.messages.edit}
            tabIndex={tabIndex}
            onClick={() => actions.edit(message)}
          />
          <IconButton
            icon="trash"
            label={texts.messages.delete}
            tabIndex={tabIndex}
            onClick={() => actions.remove(message)}
          />
        </>
      )}
    </div>
  );
}
