import { dayOf } from '../ui/time.tsx';
import type { Message } from './conversation.ts';
import type { Pending } from './outbox.ts';

/** A line of a conversation. `key` stays the same from sending to sent. */
export type Row =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'unread'; key: string }
  | { kind: 'event'; key: string; message: Message; event: 'JOINED' | 'LEFT' | 'REMOVED' }
  | { kind: 'message'; key: string; message: Message; isOwn: boolean; isFirst: boolean; isLast: boolean }
  | { kind: 'pending'; key: string; pending: Pending; isFirst: boolean };

export interface RowsInput {
  messages: readonly Message[];
  /** Of this channel, in the order in which they were written. */
  pending: readonly Pending[];
  viewerId: string;
  /** The divider goes before the first message after `seenSeq`, up to `openedSeq`, that is not the viewer's own. */
  seenSeq: number;
  openedSeq: number;
}

/** Messages of one author within so long belong together. */
const GROUP_MS = 5 * 60_000;

/** Lays a conversation out: separators of days, the divider of what is unread, and who begins a group. */
export function toRows({ messages, pending, viewerId, seenSeq, openedSeq }: RowsInput): Row[] {
  const firstUnseen = messages.find(({ seq, author }) => seq > seenSeq && seq <= openedSeq && author.id !== viewerId);
  const rows = messages.flatMap((message, index): Row[] => {
    const before = messages[index - 1];
    const isNewDay = before === undefined || dayOf(before.sentAt) !== dayOf(message.sentAt);
    const isUnread = message === firstUnseen;
    const lines: Row[] = [];
    if (isNewDay) lines.push({ kind: 'day', key: `day ${dayOf(message.sentAt)}`, at: message.sentAt });
    if (isUnread) lines.push({ kind: 'unread', key: 'unread' });
    return [...lines, toRow(message, before, messages[index + 1], viewerId, isNewDay || isUnread)];
  });
  const acknowledged = new Set(messages.map(({ clientId, author }) => (author.id === viewerId ? clientId : null)));
  const waiting = pending.filter(({ clientId }) => !acknowledged.has(clientId));
  return [...rows, ...waiting.map((message, index) => toPendingRow(message, index, messages.at(-1), viewerId))];
}

function toRow(
  message: Message,
  before: Message | undefined,
  after: Message | undefined,
  viewerId: string,
  isCut: boolean,
): Row {
  const key = message.clientId !== null && message.author.id === viewerId ? message.clientId : message.id;
  if (message.kind !== 'TEXT') return { kind: 'event', key, message, event: message.kind };
  return {
    kind: 'message',
    key,
    message,
    isOwn: message.author.id === viewerId,
    isFirst: isCut || !isOneGroup(before, message),
    isLast: !isOneGroup(message, after),
  };
}

function toPendingRow(pending: Pending, index: number, last: Message | undefined, viewerId: string): Row {
  const isFirst = index === 0 && !(last?.kind === 'TEXT' && last.author.id === viewerId);
  return { kind: 'pending', key: pending.clientId, pending, isFirst };
}

function isOneGroup(a: Message | undefined, b: Message | undefined): boolean {
  if (a === undefined || b === undefined || a.kind !== 'TEXT' || b.kind !== 'TEXT') return false;
  return a.author.id === b.author.id && Date.parse(b.sentAt) - Date.parse(a.sentAt) < GROUP_MS;
}
