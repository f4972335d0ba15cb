import { useEffect } from 'react';
import type { Message } from '../messages/conversation.ts';
import { useWorkspace } from '../parley-context.tsx';

interface SeenOptions {
  channelId: string;
  entries: readonly Message[];
  isReady: boolean;
  isAtEnd: boolean;
}

/** Marks a conversation as seen while its end is in view of somebody who looks. */
export function useSeen({ channelId, entries, isReady, isAtEnd }: SeenOptions): void {
  const { seenMarks } = useWorkspace();
  const lastSeq = entries.at(-1)?.seq ?? 0;

  useEffect(() => {
    const mark = () => {
      if (isReady && isAtEnd && lastSeq > 0 && document.visibilityState === 'visible' && document.hasFocus())
        seenMarks.mark(channelId, lastSeq);
    };
    mark();
    document.addEventListener('visibilitychange', mark);
    window.addEventListener('focus', mark);
    return () => {
      document.removeEventListener('visibilitychange', mark);
      window.removeEventListener('focus', mark);
    };
  }, [seenMarks, channelId, lastSeq, isReady, isAtEnd]);
}
