import { useEffect } from 'react';
import type { Workspace } from '../workspace.ts';
import { texts } from './texts.ts';
import { useReadable } from './use-readable.ts';

/** Keeps the tab's title: somebody was found, so many messages are unread, or the app's name alone. */
export function useTitle({ channels, matching }: Workspace): void {
  const list = useReadable(channels);
  const match = useReadable(matching);
  const unread = list.channels.reduce((sum, { viewerMembership }) => sum + (viewerMembership?.unreadCount ?? 0), 0);
  const news = match.step === 'talking' ? texts.match.foundTitle(match.talk.partner.name) : null;

  useEffect(() => {
    const update = () => {
      const before = document.hidden && news !== null ? `${news} · ` : unread > 0 ? `(${unread}) ` : '';
      document.title = before + texts.app;
    };
    update();
    document.addEventListener('visibilitychange', update);
    return () => {
      document.removeEventListener('visibilitychange', update);
      document.title = texts.app;
    };
  }, [news, unread]);
}
