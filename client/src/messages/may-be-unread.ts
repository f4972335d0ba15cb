import type { Message } from './message.ts';

/** Returns whether a message counts as unread until the viewer has seen it: joins, deleted and own messages never do. */
export function mayBeUnread({ kind, deletedAt, author }: Message, viewerId: string): boolean {
  return kind !== 'JOINED' && kind !== 'LEFT' && kind !== 'REMOVED' && deletedAt === null && author.id !== viewerId;
}
