import { createIndexedDbStore } from './indexed-db-store.ts';
import { createMemoryStore } from './memory-store.ts';
import type { Platform, PostForm, TabSignal } from './platform.ts';
import { createWebLocks } from './web-locks.ts';

/**
 * Creates the platform of a browser: the session is in `localStorage`, data is in IndexedDB, and tabs agree by Web Locks
 * and `BroadcastChannel`.
 */
export function createBrowserPlatform(): Platform {
  return {
    sessionStorage: localStorage,
    openStore: (name) => createIndexedDbStore(name, createMemoryStore()),
    openSignal: createBroadcastSignal,
    locks: createWebLocks(),
    postForm,
  };
}

function createBroadcastSignal(name: string): TabSignal {
  const channel = new BroadcastChannel(name);
  return {
    notify: () => channel.postMessage(null),
    subscribe(listener) {
      const onMessage = () => listener();
      channel.addEventListener('message', onMessage);
      return () => channel.removeEventListener('message', onMessage);
    },
    close: () => channel.close(),
  };
}

/** `fetch` cannot tell the progress of an upload, so this is an `XMLHttpRequest`. */
const postForm: PostForm = (url, { headers, form, onProgress, signal }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = () => reject(new Error('There is no response to the upload.'));
    const abort = () => request.abort();
    request.open('POST', url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total > 0 ? loaded / total : 0);
    request.onload = () => resolve(request.responseText);
    request.onerror = request.onabort = request.ontimeout = fail;
    request.onloadend = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) fail();
    else request.send(form);
  });
