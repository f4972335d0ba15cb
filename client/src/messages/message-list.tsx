import { type FocusEvent, type KeyboardEvent, type ReactNode, type RefObject, useState } from 'react';
import { FailureNote, Skeleton } from '../ui/notice.tsx';
import { texts } from '../ui/texts.ts';
import { dayName, Time } from '../ui/time.tsx';
import type { ConversationState } from './conversation.ts';
import { type MessageActions, MessageRow } from './message-row.tsx';
import { PendingRow } from './pending-row.tsx';
import type { Row } from './rows.ts';

interface MessageListProps {
  log: RefObject<HTMLDivElement | null>;
  label: string;
  rows: readonly Row[];
  older: ConversationState['older'];
  onScroll: () => void;
  loadOlder: () => void;
  actions: MessageActions | null;
  /** Shown above the first message. */
  intro: ReactNode;
  /** Shown below the last message. */
  outro: ReactNode;
  onEscape: () => void;
}

/**
 * The list of a conversation's messages. It is a single tab stop, from either side: the arrow keys move between messages, and Tab
 * moves to the actions of the focused message.
 */
export function MessageList(props: MessageListProps) {
  const { log, label, rows, older, onScroll, loadOlder, actions, intro, outro, onEscape } = props;
  const [focusedKey, setFocusedKey] = useState<string | null>(null);
  const [hasFocus, setHasFocus] = useState(false);
  const focusable = rows.filter(({ kind }) => kind === 'message' || kind === 'pending' || kind === 'event');
  const active = focusable.some(({ key }) => key === focusedKey) ? focusedKey : (focusable.at(-1)?.key ?? null);

  function onBlur({ currentTarget, relatedTarget }: FocusEvent) {
    if (!currentTarget.contains(relatedTarget)) setHasFocus(false);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape') onEscape();
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const isRow = event.target instanceof HTMLElement && event.target.dataset['key'] !== undefined;
    if (step === undefined || !isRow) return;
    event.preventDefault();
    const next = focusable[focusable.findIndex(({ key }) => key === active) + step];
    if (next) focusRow(log.current, next.key);
  }

  return (
    <div
      className="log"
      role="log"
      aria-live="off"
      aria-label={label}
      aria-busy={older === 'loading'}
      ref={log}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
    >
      <div className="log-beginning">
        {older === 'none' && intro}
        {older === 'loading' && <Skeleton lines={2} variant="message" />}
        {older === 'failed' && <FailureNote title={texts.messages.olderFailed} retry={loadOlder} />}
      </div>
      <ol className="log-rows" onFocus={() => setHasFocus(true)} onBlur={onBlur}>
        {rows.map((row) => (
          <li
            key={row.key}
            className={`row row-${row.kind}`}
            data-key={row.key}
            data-own={isOwn(row) || undefined}
            data-first={('isFirst' in row && row.isFirst) || undefined}
            tabIndex={row.kind === 'day' || row.kind === 'unread' ? undefined : row.key === active ? 0 : -1}
            onFocus={() => setFocusedKey(row.key)}
          >
            <RowContent row={row} actions={actions} isActive={hasFocus && row.key === active} />
          </li>
        ))}
      </ol>
      {outro}
    </div>
  );
}

function RowContent({ row, actions, isActive }: { row: Row; actions: MessageActions | null; isActive: boolean }) {
  switch (row.kind) {
    case 'day':
      return <Time at={row.at} as={dayName} />;
    case 'unread':
      return <span className="unread-label">{texts.messages.unread}</span>;
    case 'event':
      return (
        <>
          {texts.messages.happened(row.event, texts.nameOf(row.message.author), row.message.text)}
          <span aria-hidden="true"> · </span>
          <Time at={row.message.sentAt} />
        </>
      );
    case 'message':
      return <MessageRow row={row} actions={actions} isActive={isActive} />;
    case 'pending':
      return <PendingRow row={row} />;
    default:
      return row satisfies never;
  }
}

function isOwn(row: Row): boolean {
  return row.kind === 'pending' || (row.kind === 'message' && row.isOwn);
}

/** Focuses a row of the list, which scrolls it into view. */
export function focusRow(log: HTMLElement | null, key: string): void {
  log?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus();
}
