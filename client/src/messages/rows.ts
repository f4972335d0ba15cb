import { dayOf } from '../ui/time.tsx';
import { mayBeUnread } from './may-be-unread.ts';
import type { Message } from './message.ts';
import type { PendingMessage } from './outbox.ts';

/** A row of the message list. A message keeps its `key` when it changes from pending to sent. */
export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'unread'; key: string }
  | { kind: 'event'; key: string; message: Message; event: Exclude<Message['kind'], 'TEXT'> }
  | { kind: 'message'; key: string; message: Message; isOwn: boolean; isFirst: boolean }
  | { kind: 'pending'; key: string; pending: PendingMessage; isFirst: boolean };

/** Input of `toRows`. */
export interface RowsInput {
  messages: readonly Message[];
  /** Unsent messages of this channel, in the order in which they were written. */
  pending: readonly PendingMessage[];
  viewerId: string;
  /** The divider is placed above the first message that may be unread after `seenSeq` and up to `openedSeq`. */
  seenSeq: number;
  openedSeq: number;
}

/** Longest time between two messages of one author that are shown as a group. */
const groupMs = 5 * 60_000;

/** Returns the rows of a conversation: day separators, the divider above unread messages, and grouped messages. */
export function toRows({ messages, pending, viewerId, seenSeq, openedSeq }: RowsInput): Row[] {
  const firstUnseen = messages.find(
    (message) => message.seq > seenSeq && message.seq <= openedSeq && mayBeUnread(message, viewerId),
  );
  const rows = messages.flatMap((message, index): Row[] => {
    const before = messages[index - 1];
    const isNewDay = before === undefined || dayOf(before.sentAt) !== dayOf(message.sentAt);
    const isUnread = message === firstUnseen;
    const dividers: Row[] = [];
    if (isNewDay) dividers.push({ kind: 'day', key: `day ${dayOf(message.sentAt)}`, at: message.sentAt });
    if (isUnread) dividers.push({ kind: 'unread', key: 'unread' });
    return [...dividers, toRow(message, before, viewerId, isNewDay || isUnread)];
  });
  const acknowledged = new Set(messages.map(({ clientId, author }) => (author.id === viewerId ? clientId : null)));
  const unsent = pending.filter(({ clientId }) => !acknowledged.has(clientId));
  return [...rows, ...unsent.map((message, index) => toPendingRow(message, index, messages.at(-1), viewerId))];
}

function toRow(message: Message, before: Message | undefined, viewerId: string, startsGroup: boolean): Row {
  const key = message.clientId !== null && message.author.id === viewerId ? message.clientId : message.id;
  if (message.kind !== 'TEXT') return { kind: 'event', key, message, event: message.kind };
  return {
    kind: 'message',
    key,
    message,
    isOwn: message.author.id === viewerId,
    isFirst: startsGroup || !isSameGroup(before, message),
  };
}

function toPendingRow(pending: PendingMessage, index: number, last: Message | undefined, viewerId: string): Row {
  const isFirst = index === 0 && !(last?.kind === 'TEXT' && last.author.id === viewerId);
  return { kind: 'pending', key: pending.clientId, pending, isFirst };
}

function isSameGroup(a: Message | undefined, b: Message | undefined): boolean {
  if (a === undefined || b === undefined || a.kind !== 'TEXT' || b.kind !== 'TEXT') return false;
  return a.author.id === b.author.id && Date.parse(b.sentAt) - Date.parse(a.sentAt) < groupMs;
}
