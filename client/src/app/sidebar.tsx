import { useAccounts } from '../accounts/contexts.ts';
import { Wordmark } from '../accounts/wordmark.tsx';
import { ChannelListView } from '../channels/channel-list-view.tsx';
import { useMatching } from '../matching/context.ts';
import type { MatchState } from '../matching/matching.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Icon } from '../ui/icon.tsx';
import { href, type Route } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';

/** The main navigation: always visible on wide screens, and the home screen on phones. */
export function Sidebar({ route }: { route: Route }) {
  const match = useReadable(useMatching());
  return (
    <nav className="sidebar" aria-label={texts.list.navigation}>
      <div className="sidebar-head">
        <h1>
          <a className="sidebar-home" href={href({ screen: 'home' })}>
            <Wordmark />
          </a>
        </h1>
        <AccountLink isCurrent={route.screen === 'account'} />
      </div>
      <div className="sidebar-links">
        <StrangerLink match={match} isCurrent={route.screen === 'stranger' || route.screen === 'home'} />
        <a
          className="sidebar-link"
          href={href({ screen: 'rooms' })}
          aria-current={route.screen === 'rooms' || route.screen === 'new-room' ? 'page' : undefined}
        >
          <Icon name="room" />
          {texts.list.rooms}
        </a>
      </div>
      <ChannelListView currentId={currentChannelId(route, match)} />
    </nav>
  );
}

function AccountLink({ isCurrent }: { isCurrent: boolean }) {
  const viewer = useReadable(useAccounts().session)?.user;
  if (!viewer) return null;
  return (
    <a
      className="sidebar-account"
      href={href({ screen: 'account' })}
      aria-label={texts.account.menu(viewer.name)}
      aria-current={isCurrent ? 'page' : undefined}
    >
      <Avatar user={viewer} size="small" />
    </a>
  );
}

function StrangerLink({ match, isCurrent }: { match: MatchState; isCurrent: boolean }) {
  return (
    <a
      className="sidebar-link sidebar-link-stranger"
      href={href({ screen: 'stranger' })}
      data-step={match.step}
      aria-current={isCurrent ? 'page' : undefined}
    >
      <Icon name="people" />
      {strangerText(match)}
    </a>
  );
}

function strangerText(match: MatchState): string {
  switch (match.step) {
    case 'waiting':
      return texts.match.searching;
    case 'talking':
      return texts.match.talkingWith(texts.nameOf(match.talk.partner));
    case 'none':
    case 'ended':
      return texts.match.find;
    default:
      return match satisfies never;
  }
}

/** Returns the id of the channel that is shown, or null. */
function currentChannelId(route: Route, match: MatchState): string | null {
  if (route.screen === 'channel') return route.channelId;
  return route.screen === 'stranger' && match.step === 'talking' ? match.talk.channel.id : null;
}
