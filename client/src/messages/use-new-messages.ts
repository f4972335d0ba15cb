import { useEffect, useRef, useState } from 'react';
import { texts } from '../ui/texts.ts';
import { mayBeUnread } from './may-be-unread.ts';
import type { Message } from './message.ts';

interface NewMessagesOptions {
  entries: readonly Message[];
  isReady: boolean;
  isAtEnd: boolean;
  viewerId: string;
}

/**
 * Tracks messages of others since the conversation was opened. Returns the number of messages below the visible part,
 * and a text that announces the newest ones to screen readers.
 */
export function useNewMessages({ entries, isReady, isAtEnd, viewerId }: NewMessagesOptions) {
  const [seenSeq, setSeenSeq] = useState<number | null>(null);
  const [announcement, setAnnouncement] = useState('');
  const announcedSeq = useRef<number | null>(null);
  const lastSeq = entries.at(-1)?.seq ?? 0;

  useEffect(() => {
    if (isReady && (isAtEnd || seenSeq === null)) setSeenSeq(lastSeq);
  }, [isReady, isAtEnd, seenSeq, lastSeq]);

  useEffect(() => {
    if (!isReady) return;
    const since = announcedSeq.current;
    announcedSeq.current = lastSeq;
    if (since === null) return;
    const added = entries.filter(({ seq, author }) => seq > since && author.id !== viewerId);
    if (added.length > 0) setAnnouncement(added.map(announce).join('. '));
  }, [entries, isReady, lastSeq, viewerId]);

  const count = entries.filter((entry) => entry.seq > (seenSeq ?? lastSeq) && mayBeUnread(entry, viewerId)).length;
  return { count, announcement };
}

function announce({ kind, author, text }: Message): string {
  return kind === 'TEXT'
    ? texts.messages.announcement(texts.nameOf(author), text || texts.files.attachment)
    : texts.messages.happened(kind, texts.nameOf(author), text);
}
