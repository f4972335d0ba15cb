import { IconButton } from '../ui/button.tsx';
import { texts } from '../ui/texts.ts';
import { Attachments } from '../uploads/attachments.tsx';
import type { Message } from './message.ts';
import { DeliveryState, MessageHead } from './message-parts.tsx';
import { MessageText } from './message-text.tsx';
import type { Row } from './rows.ts';

/** Actions on a message. */
export interface MessageActions {
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  remove: (message: Message) => void;
  /** Scrolls to a message if it is loaded. */
  show: (messageId: string) => void;
}

interface MessageRowProps {
  row: Extract<Row, { kind: 'message' }>;
  /** Null if the conversation is closed. */
  actions: MessageActions | null;
  /** True if the Tab key reaches the actions. */
  isActive: boolean;
}

/** A message with its author, the quoted message that it replies to, attachments, text and actions. */
export function MessageRow({ row, actions, isActive }: MessageRowProps) {
  const { message, isOwn, isFirst } = row;
  const isDeleted = message.deletedAt !== null;
  return (
    <>
      {isFirst && <MessageHead author={message.author} at={message.sentAt} />}
      <div className="bubble" data-deleted={isDeleted || undefined}>
        {message.replyTo && !isDeleted && <Quote replyTo={message.replyTo} show={actions?.show} />}
        <Attachments messageId={message.id} attachments={message.attachments} />
        {isDeleted ? <em>{texts.messages.deleted}</em> : <MessageText text={message.text} />}
        <span className="bubble-foot">
          {message.editedAt && !isDeleted && <span className="bubble-note">{texts.messages.edited}</span>}
          {isOwn && !isDeleted && <DeliveryState icon="check" label={texts.messages.sent} />}
        </span>
        {actions && !isDeleted && <Toolbar message={message} isOwn={isOwn} actions={actions} isActive={isActive} />}
      </div>
    </>
  );
}

interface QuoteProps {
  replyTo: NonNullable<Message['replyTo']>;
  show: MessageActions['show'] | undefined;
}

function Quote({ replyTo, show }: QuoteProps) {
  return (
    <button type="button" className="quote" tabIndex={-1} onClick={() => show?.(replyTo.id)}>
      <span className="hidden">{texts.messages.replyTo(texts.nameOf(replyTo.author))}: </span>
      <span className="quote-author" aria-hidden="true">
        {texts.nameOf(replyTo.author)}
      </span>
      <span className="quote-text">
        {replyTo.deletedAt ? texts.messages.deleted : replyTo.text || texts.files.attachment}
      </span>
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
  const { reply, edit, delete: remove } = texts.messages;
  const tabIndex = isActive ? 0 : -1;
  return (
    <div className="toolbar" role="toolbar" aria-label={texts.messages.actions}>
      <IconButton icon="reply" label={reply} tabIndex={tabIndex} onClick={() => actions.reply(message)} />
      {isOwn && (
        <>
          <IconButton icon="pencil" label={edit} tabIndex={tabIndex} onClick={() => actions.edit(message)} />
          <IconButton icon="trash" label={remove} tabIndex={tabIndex} onClick={() => actions.remove(message)} />
        </>
      )}
    </div>
  );
}
