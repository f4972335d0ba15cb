import { createLocalData } from '../accounts/local-data.ts';
import type { Viewer, ViewerSession } from '../accounts/session.ts';
import { createChannelList } from '../channels/channel-list.ts';
import { createMatching } from '../matching/matching.ts';
import { createMessaging } from '../messages/messaging.ts';
import { createSeenMarks } from '../receipts/seen-marks.ts';
import { createUrqlClient } from '../urql/urql-client.ts';

/** Options of `createWorkspace`. */
export interface WorkspaceOptions {
  /** Absolute URL of the API. */
  url: string;
  session: ViewerSession;
  viewer: Viewer;
}

/** The client and the stores of one signed-in user, from sign-in to sign-out. */
export type Workspace = ReturnType<typeof createWorkspace>;

/** Creates one user's client and stores. */
export function createWorkspace({ url, session, viewer }: WorkspaceOptions) {
  const parley = createUrqlClient({ url, session });
  const { client, connection } = parley;
  const localData = createLocalData(localStorage, viewer.id);
  const channels = createChannelList({ client, connection });
  const matching = createMatching({ client, localData });
  const seenMarks = createSeenMarks({ client, channels });
  const messaging = createMessaging({ client, connection, localData, channels });

  return {
    client,
    connection,
    viewer: { viewerId: viewer.id, localData },
    channels,
    matching,
    messaging,
    seenMarks,
    dispose() {
      for (const part of [messaging, matching, channels, seenMarks, parley]) part.dispose();
    },
  };
}
