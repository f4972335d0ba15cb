import { useCallback, useSyncExternalStore } from 'react';
import type { Readable } from '../urql/value.ts';

/**
 * Returns the present value, and renders again when it has changed. Changes that come together are rendered together, in a task of
 * their own: React takes more than 50 renders in one task for a loop, and a busy room has as many changes.
 */
export function useReadable<T>(readable: Readable<T>): T {
  const subscribe = useCallback(
    (listener: () => void) => {
      let timer: ReturnType<typeof setTimeout> | null = null;
      const notify = () => {
        timer = null;
        listener();
      };
      const unsubscribe = readable.subscribe(() => {
        timer ??= setTimeout(notify);
      });
      return () => {
        unsubscribe();
        if (timer !== null) clearTimeout(timer);
      };
    },
    [readable],
  );
  return useSyncExternalStore(subscribe, readable.get);
}
