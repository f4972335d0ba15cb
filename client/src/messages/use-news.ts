import { useEffect, useRef, useState } from 'react';
import { texts } from '../ui/texts.ts';
import type { Message } from './conversation.ts';

interface NewsOptions {
  entries: readonly Message[];
  isReady: boolean;
  isAtEnd: boolean;
  viewerId: string;
}

/** What others wrote since the conversation was opened: how many came out of view, and the newest in words. */
export function useNews({ entries, isReady, isAtEnd, viewerId }: NewsOptions) {
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
    const fresh = entries.filter(({ seq, author }) => seq > since && author.id !== viewerId);
    if (fresh.length > 0) setAnnouncement(fresh.map(inWords).join('. '));
  }, [entries, isReady, lastSeq, viewerId]);

  const count = entries.filter(({ seq, author }) => seq > (seenSeq ?? lastSeq) && author.id !== viewerId).length;
  return { count, announcement };
}

function inWords({ kind, author, text }: Message): string {
  return kind === 'TEXT'
    ? texts.messages.announcement(author.name, text || texts.files.one)
    : texts.messages.happened(kind, author.name);
}
