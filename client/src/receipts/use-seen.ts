import { useEffect } from 'react';
import { useSeenMarks } from './context.ts';

interface SeenOptions {
  channelId: string;
  /** The newest `seq` of the conversation; 0 if it is empty. */
  lastSeq: number;
  /** True while the end of the loaded conversation is in view. */
  isEndInView: boolean;
}

/** Marks a conversation as seen while its end is in view and the page is visible and focused. */
export function useSeen({ channelId, lastSeq, isEndInView }: SeenOptions): void {
  const seenMarks = useSeenMarks();

  useEffect(() => {
    const mark = () => {
      if (isEndInView && lastSeq > 0 && document.visibilityState === 'visible' && document.hasFocus())
        seenMarks.mark(channelId, lastSeq);
    };
    mark();
    document.addEventListener('visibilitychange', mark);
    window.addEventListener('focus', mark);
    return () => {
      document.removeEventListener('visibilitychange', mark);
      window.removeEventListener('focus', mark);
    };
  }, [seenMarks, channelId, lastSeq, isEndInView]);
}
