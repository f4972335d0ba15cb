import type { ReactNode } from 'react';
import { Provider } from 'urql';
import { ViewerContext } from '../accounts/contexts.ts';
import { ChannelsContext } from '../channels/context.ts';
import { MatchingContext } from '../matching/context.ts';
import { MessagingContext } from '../messages/context.ts';
import { SeenMarksContext } from '../receipts/context.ts';
import type { Workspace } from './workspace.ts';

/** Provides the client and the stores of the signed-in user to the components below it. */
export function WorkspaceProvider({ workspace, children }: { workspace: Workspace; children: ReactNode }) {
  return (
    <Provider value={workspace.client}>
      <ViewerContext value={workspace.viewer}>
        <ChannelsContext value={workspace.channels}>
          <SeenMarksContext value={workspace.seenMarks}>
            <MessagingContext value={workspace.messaging}>
              <MatchingContext value={workspace.matching}>{children}</MatchingContext>
            </MessagingContext>
          </SeenMarksContext>
        </ChannelsContext>
      </ViewerContext>
    </Provider>
  );
}
