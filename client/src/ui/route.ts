import { useMemo, useSyncExternalStore } from 'react';

/**
 * Where the viewer is. Routes live behind the `#`, so that any server can serve the page. `find` begins to look for a
 * stranger and becomes `stranger`.
 */
export type Route =
  | { screen: 'home' | 'find' | 'stranger' | 'rooms' | 'new-room' | 'account' | 'sign-in' | 'register' }
  | { screen: 'channel'; channelId: string };

const plain = ['find', 'stranger', 'rooms', 'new-room', 'account', 'sign-in', 'register'] as const;

/** The address of a route. */
export function href(route: Route): string {
  if (route.screen === 'home') return '#/';
  return route.screen === 'channel' ? `#/channel/${encodeURIComponent(route.channelId)}` : `#/${route.screen}`;
}

/** Goes to a route, as a click on its link would; `replace` leaves no step back to the present one. */
export function navigate(route: Route, { replace = false } = {}): void {
  if (replace) window.location.replace(href(route));
  else window.location.hash = href(route);
}

/** The present route. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(watchHash, () => window.location.hash);
  return useMemo(() => parse(hash), [hash]);
}

function parse(hash: string): Route {
  const [screen = '', id] = hash.replace(/^#\/?/, '').split('/');
  if (screen === 'channel' && id) return { screen, channelId: decodeId(id) };
  const known = plain.find((name) => name === screen);
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
