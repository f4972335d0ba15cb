import './ui/tokens.css';
import './ui/ui.css';
import './app/app.css';
import './app/sidebar.css';
import './accounts/accounts.css';
import './channels/channels.css';
import './matching/matching.css';
import './messages/messages.css';
import './uploads/uploads.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createAccounts } from './accounts/accounts.ts';
import { createViewerSession } from './accounts/session.ts';
import { App } from './app/app.tsx';
import { createWorkspace, type Workspace } from './app/workspace.ts';
import { createValue } from './urql/value.ts';

const url = new URL('/graphql', window.location.href).href;
const session = createViewerSession(url);
const accounts = createAccounts({ url, session });
const workspace = createValue<Workspace | null>(null);

session.subscribe(updateWorkspace);
updateWorkspace();

const root = document.getElementById('app');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App accounts={accounts} session={session} workspace={workspace} />
    </StrictMode>,
  );
}

/** Replaces the workspace when another user signs in or out. A guest who registers stays the same user. */
function updateWorkspace(): void {
  const viewer = session.get()?.user ?? null;
  const present = workspace.get();
  if (present?.viewer.viewerId === viewer?.id) return;
  workspace.set(viewer && createWorkspace({ url, session, viewer }));
  present?.dispose();
}
