import { useSyncExternalStore } from 'react';
import type { Readable } from '../urql/value.ts';

/** Returns the present value, and renders again when it changes. */
export function useReadable<T>(readable: Readable<T>): T {
  return useSyncExternalStore(readable.subscribe, readable.get);
}
