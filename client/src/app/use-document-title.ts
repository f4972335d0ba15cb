import { useEffect, useState } from 'react';
import { useChannels } from '../channels/context.ts';
import { useMatching } from '../matching/context.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';

/**
 * Keeps the tab's title up to date: a match that was found while the page was hidden, until the page is seen, the number of unread
 * messages, and the app's name.
 */
export function useDocumentTitle(): void {
  const { channels } = useReadable(useChannels());
  const match = useReadable(useMatching());
  const unread = channels.reduce((sum, { viewerMembership }) => sum + (viewerMembership?.unreadCount ?? 0), 0);
  const talk = match.step === 'talking' ? match : null;
  const isNew = useIsUnseen(talk?.id ?? null);

  useEffect(() => {
    const count = unread > 0 ? `(${texts.unreadTitle(unread)}) ` : '';
    const found = talk !== null && isNew ? `${texts.match.foundTitle(texts.nameOf(talk.talk.partner))} · ` : '';
    document.title = count + found + texts.app;
    return () => {
      document.title = texts.app;
    };
  }, [talk, isNew, unread]);
}

/** Returns whether something came while the page was hidden, and the page has not been seen since. */
function useIsUnseen(id: string | null): boolean {
  const [seenId, setSeenId] = useState<string | null>(null);
  useEffect(() => {
    const see = () => {
      if (!document.hidden) setSeenId(id);
    };
    see();
    document.addEventListener('visibilitychange', see);
    return () => document.removeEventListener('visibilitychange', see);
  }, [id]);
  return id !== null && id !== seenId;
}
