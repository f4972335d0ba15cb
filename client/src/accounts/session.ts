import type { SessionPartsFragment, ViewerPartsFragment } from '../gql/graphql.ts';
import { createWebLocks } from '../urql/platform/web-locks.ts';
import { createRefresh } from '../urql/refresh.ts';
import { createSessionStore, type SessionStore } from '../urql/session.ts';

/** The signed-in user, as stored in the session. */
export type Viewer = ViewerPartsFragment;
/** The session of the signed-in user. */
export type ViewerSession = SessionStore<Viewer>;

/** Fields of the viewer that the session keeps. */
export const viewerFields = 'id name avatarUrl isGuest email' satisfies string;

/**
 * Creates the session of this browser, kept in local storage.
 * @param url of the API
 */
export function createViewerSession(url: string): ViewerSession {
  return createSessionStore<SessionPartsFragment['user']>({
    storage: localStorage,
    key: 'parley.session',
    locks: createWebLocks(),
    refresh: createRefresh(url, viewerFields),
  });
}
