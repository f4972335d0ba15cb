import type { Locks } from './platform.ts';

/**
 * Web Locks exist only on secure origins. Elsewhere tabs work without them: the server accepts a repeated refresh for some
 * seconds, and a message that two tabs send is one message by its `clientId`.
 */
export function createWebLocks(): Locks {
  return {
    request: <T>(name: string, work: () => Promise<T>): Promise<T> =>
      'locks' in navigator ? (navigator.locks.request(name, work) as Promise<T>) : work(),
  };
}
