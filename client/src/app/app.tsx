import { AccountScreen } from '../accounts/account-screen.tsx';
import type { Accounts } from '../accounts/accounts.ts';
import { AccountsContext } from '../accounts/contexts.ts';
import { ForgotPasswordScreen } from '../accounts/forgot-password-screen.tsx';
import { ResetPasswordScreen } from '../accounts/reset-password-screen.tsx';
import type { ViewerSession } from '../accounts/session.ts';
import { SignInScreen } from '../accounts/sign-in-screen.tsx';
import { Welcome } from '../accounts/welcome.tsx';
import { NewRoom } from '../channels/new-room.tsx';
import { Rooms } from '../channels/rooms.tsx';
import { MatchFound } from '../matching/match-found.tsx';
import { StartSearch, StrangerScreen } from '../matching/stranger-screen.tsx';
import { type Route, useRoute } from '../ui/route.ts';
import { useReadable } from '../ui/use-readable.ts';
import type { Readable } from '../urql/value.ts';
import { ChannelScreen } from './channel-screen.tsx';
import { ConnectionBar } from './connection-bar.tsx';
import { Sidebar } from './sidebar.tsx';
import { useDocumentTitle } from './use-document-title.ts';
import type { Workspace } from './workspace.ts';
import { WorkspaceProvider } from './workspace-provider.tsx';

interface AppProps {
  accounts: Accounts;
  session: ViewerSession;
  workspace: Readable<Workspace | null>;
}

/** The whole client: the sign-in screens, or the signed-in viewer's conversations. */
export function App({ accounts, session, workspace }: AppProps) {
  const present = useReadable(workspace);
  return (
    <AccountsContext value={{ accounts, session }}>
      {present === null ? (
        <SignedOut />
      ) : (
        <WorkspaceProvider workspace={present} key={present.viewer.viewerId}>
          <SignedIn workspace={present} />
        </WorkspaceProvider>
      )}
    </AccountsContext>
  );
}

function SignedOut() {
  const route = useRoute();
  return (
    <main>
      <Front route={route} />
    </main>
  );
}

function Front({ route }: { route: Route }) {
  const channelId = 'channelId' in route ? route.channelId : undefined;
  if (route.screen === 'forgot-password') return <ForgotPasswordScreen />;
  if (route.screen === 'reset-password') return <ResetPasswordScreen token={route.token} key={route.token} />;
  if (route.screen !== 'sign-in' && route.screen !== 'register') return <Welcome channelId={channelId} />;
  return <SignInScreen mode={route.screen} channelId={channelId} key={route.screen} />;
}

function SignedIn({ workspace }: { workspace: Workspace }) {
  const route = useRoute();
  useDocumentTitle();
  return (
    <main className="shell" data-screen={route.screen}>
      <Sidebar route={route} />
      <div className="shell-main">
        <ConnectionBar connection={workspace.connection} />
        <MatchFound route={route} />
        <Screen route={route} />
      </div>
    </main>
  );
}

function Screen({ route }: { route: Route }) {
  switch (route.screen) {
    case 'find':
      return <StartSearch />;
    case 'home':
    case 'stranger':
      return <StrangerScreen />;
    case 'rooms':
      return <Rooms />;
    case 'new-room':
      return <NewRoom />;
    case 'channel':
      return <ChannelScreen channelId={route.channelId} key={route.channelId} />;
    case 'account':
      return <AccountScreen />;
    case 'sign-in':
    case 'register':
      return <SignInScreen mode={route.screen} channelId={route.channelId} key={route.screen} />;
    case 'forgot-password':
      return <ForgotPasswordScreen />;
    case 'reset-password':
      return <ResetPasswordScreen token={route.token} key={route.token} />;
    default:
      return route satisfies never;
  }
}
