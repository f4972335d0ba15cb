import { useMemo, useSyncExternalStore } from 'react';

/**
 * The screen that is shown. Routes are in the URL's hash, so that any server can serve the page. `find` starts a search
 * for a stranger and redirects to `stranger`. `sign-in` and `register` lead to a channel if there is one: its link was opened
 * while signed out. `reset-password` has the token of a link in a mail.
 */
export type Route =
  | { screen: 'home' | 'find' | 'stranger' | 'rooms' | 'new-room' | 'account' | 'forgot-password' }
  | { screen: 'sign-in' | 'register'; channelId?: string | undefined }
  | { screen: 'channel'; channelId: string }
  | { screen: 'reset-password'; token: string };

const plainScreens = [
  'find',
  'stranger',
  'rooms',
  'new-room',
  'account',
  'sign-in',
  'register',
  'forgot-password',
] as const;
const screensWithChannel = ['channel', 'sign-in', 'register'] as const;

/** Returns the URL of a route. */
export function href(route: Route): string {
  if (route.screen === 'home') return '#/';
  const id = 'token' in route ? route.token : 'channelId' in route ? route.channelId : undefined;
  return id === undefined ? `#/${route.screen}` : `#/${route.screen}/${encodeURIComponent(id)}`;
}

/** Navigates to a route. With `replace`, the present route is removed from the browser's history. */
export function navigate(route: Route, { replace = false } = {}): void {
  if (replace) window.location.replace(href(route));
  else window.location.hash = href(route);
}

/** Returns the present route. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(watchHash, () => window.location.hash);
  return useMemo(() => parse(hash), [hash]);
}

function parse(hash: string): Route {
  const [screen = '', id] = hash.replace(/^#\/?/, '').split('/');
  const withChannel = screensWithChannel.find((name) => name === screen);
  if (withChannel && id) return { screen: withChannel, channelId: decodeId(id) };
  if (screen === 'reset-password') return id ? { screen, token: decodeId(id) } : { screen: 'forgot-password' };
  const known = plainScreens.find((name) => name === screen);
  return { screen: known ?? 'home' };
}

function decodeId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function watchHash(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}
