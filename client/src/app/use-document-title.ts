import { useEffect } from 'react';
import { useChannels } from '../channels/context.ts';
import { useMatching } from '../matching/context.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';

/** Keeps the tab's title up to date: a new match while the page is hidden, the number of unread messages, or the app's name. */
export function useDocumentTitle(): void {
  const { channels } = useReadable(useChannels());
  const match = useReadable(useMatching());
  const unread = channels.reduce((sum, { viewerMembership }) => sum + (viewerMembership?.unreadCount ?? 0), 0);
  const matchTitle = match.step === 'talking' ? texts.match.foundTitle(texts.nameOf(match.talk.partner)) : null;

  useEffect(() => {
    const update = () => {
      const count = unread > 0 ? `(${texts.unreadTitle(unread)}) ` : '';
      const prefix = document.hidden && matchTitle !== null ? `${matchTitle} · ` : count;
      document.title = prefix + texts.app;
    };
    update();
    document.addEventListener('visibilitychange', update);
    return () => {
      document.removeEventListener('visibilitychange', update);
      document.title = texts.app;
    };
  }, [matchTitle, unread]);
}
