import { createLocalData } from './accounts/local-data.ts';
import type { Viewer, ViewerSession } from './accounts/viewer.ts';
import { createChannelList } from './channels/channel-list.ts';
import { createMatching } from './matching/matching.ts';
import { type Conversation, createConversation } from './messages/conversation.ts';
import { createDrafts } from './messages/drafts.ts';
import { createOutbox } from './messages/outbox.ts';
import { createSeenMarks } from './receipts/seen-marks.ts';
import { createParley } from './urql/client.ts';

export interface WorkspaceOptions {
  url: string;
  session: ViewerSession;
  viewer: Viewer;
}

/** Everything of one signed-in user; it is made at sign-in and disposed of at sign-out. */
export type Workspace = ReturnType<typeof createWorkspace>;

/** Puts one user's client and stores together. */
export function createWorkspace({ url, session, viewer }: WorkspaceOptions) {
  const parley = createParley({ url, session });
  const { client, connection } = parley;
  const localData = createLocalData(localStorage, viewer.id);
  const channels = createChannelList({ client, connection });
  const matching = createMatching({ client, localData });
  const seenMarks = createSeenMarks({ client, channels });
  const conversations = new Map<string, Conversation>();
  const outbox = createOutbox({
    client,
    connection,
    localData,
    onSent: (message, channelId) => conversations.get(channelId)?.merge(message),
  });

  return {
    client,
    connection,
    wake: parley.wake,
    viewerId: viewer.id,
    localData,
    channels,
    matching,
    outbox,
    seenMarks,
    drafts: createDrafts(localData),
    conversation,
    dispose() {
      for (const { close } of conversations.values()) close();
      for (const part of [outbox, matching, channels, seenMarks, parley]) part.dispose();
    },
  };

  /** The one conversation of a channel; what it holds stays for when the channel is opened again. */
  function conversation(channelId: string): Conversation {
    const known = conversations.get(channelId) ?? createConversation({ client, channelId, channels });
    conversations.set(channelId, known);
    return known;
  }
}
