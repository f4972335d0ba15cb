import { useSyncExternalStore } from 'react';
import type { Readable } from '../urql/value.ts';

/** The value now, and a new render whenever it changes. */
export function useReadable<T>(readable: Readable<T>): T {
  return useSyncExternalStore(readable.subscribe, readable.get);
}
