import type { SessionPartsFragment, ViewerPartsFragment } from '../gql/graphql.ts';
import { createRefresh } from '../urql/refresh.ts';
import { createSessionStore, type SessionStore } from '../urql/session.ts';

/** Who is signed in, as the session remembers. */
export type Viewer = ViewerPartsFragment;
export type ViewerSession = SessionStore<Viewer>;

const VIEWER_FIELDS = 'id name avatarUrl isGuest email' satisfies string;

/**
 * The session of this browser.
 * @param url of the API
 */
export function createViewerSession(url: string): ViewerSession {
  return createSessionStore<SessionPartsFragment['user']>({
    storage: localStorage,
    key: 'parley.session',
    refresh: createRefresh(url, VIEWER_FIELDS),
  });
}
