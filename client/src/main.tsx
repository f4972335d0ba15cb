import './ui/tokens.css';
import './ui/ui.css';
import './app.css';
import './accounts/accounts.css';
import './channels/channels.css';
import './matching/matching.css';
import './messages/messages.css';
import './uploads/uploads.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createAccounts } from './accounts/sign-in.ts';
import { createViewerSession } from './accounts/viewer.ts';
import { App } from './app.tsx';
import { createValue } from './urql/value.ts';
import { createWorkspace, type Workspace } from './workspace.ts';

const url = new URL('/graphql', window.location.href).href;
const session = createViewerSession(url);
const accounts = createAccounts({ url, session });
const workspace = createValue<Workspace | null>(null);

session.subscribe(followViewer);
followViewer();

const root = document.getElementById('app');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App accounts={accounts} session={session} workspace={workspace} />
    </StrictMode>,
  );
}

/** One workspace for each user: a guest who registers stays the same one. */
function followViewer(): void {
  const viewer = session.get()?.user ?? null;
  const present = workspace.get();
  if (present?.viewerId === viewer?.id) return;
  workspace.set(viewer && createWorkspace({ url, session, viewer }));
  present?.dispose();
}
