import { Provider } from 'urql';
import { AccountScreen } from './accounts/account-screen.tsx';
import type { Accounts } from './accounts/sign-in.ts';
import { SignInScreen } from './accounts/sign-in-screen.tsx';
import type { ViewerSession } from './accounts/viewer.ts';
import { Welcome } from './accounts/welcome.tsx';
import { ChannelScreen } from './channels/channel-screen.tsx';
import { ConnectionBar } from './channels/connection-bar.tsx';
import { NewRoom } from './channels/new-room.tsx';
import { Rooms } from './channels/rooms.tsx';
import { Sidebar } from './channels/sidebar.tsx';
import { MatchFound } from './matching/match-found.tsx';
import { FindNow, StrangerScreen } from './matching/stranger-screen.tsx';
import { AccountsContext, WorkspaceContext } from './parley-context.tsx';
import { type Route, useRoute } from './ui/route.ts';
import { useReadable } from './ui/use-readable.ts';
import { useTitle } from './ui/use-title.ts';
import type { Readable } from './urql/value.ts';
import type { Workspace } from './workspace.ts';

interface AppProps {
  accounts: Accounts;
  session: ViewerSession;
  workspace: Readable<Workspace | null>;
}

/** The whole client: the ways in, or the signed-in viewer's conversations. */
export function App({ accounts, session, workspace }: AppProps) {
  const present = useReadable(workspace);
  return (
    <AccountsContext value={{ accounts, session }}>
      {present === null ? (
        <SignedOut />
      ) : (
        <WorkspaceContext value={present} key={present.viewerId}>
          <Provider value={present.client}>
            <SignedIn workspace={present} />
          </Provider>
        </WorkspaceContext>
      )}
    </AccountsContext>
  );
}

function SignedOut() {
  const { screen } = useRoute();
  const isKnown = screen === 'sign-in' || screen === 'register';
  return <main>{isKnown ? <SignInScreen mode={screen} key={screen} /> : <Welcome />}</main>;
}

function SignedIn({ workspace }: { workspace: Workspace }) {
  const route = useRoute();
  useTitle(workspace);
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
      return <FindNow />;
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
      return <SignInScreen mode={route.screen} key={route.screen} />;
    default:
      return route satisfies never;
  }
}
