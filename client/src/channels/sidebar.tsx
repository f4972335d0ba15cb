import { Wordmark } from '../accounts/wordmark.tsx';
import { useAccounts, useWorkspace } from '../parley-context.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Icon } from '../ui/icon.tsx';
import { href, type Route } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import { ChannelListView } from './channel-list-view.tsx';

/** Everywhere one can go, always at hand on wide screens and the home screen on a phone. */
export function Sidebar({ route }: { route: Route }) {
  const { session } = useAccounts();
  const viewer = useReadable(session)?.user;
  return (
    <nav className="sidebar" aria-label={texts.list.navigation}>
      <div className="sidebar-head">
        <h1>
          <a className="sidebar-home" href={href({ screen: 'home' })}>
            <Wordmark />
          </a>
        </h1>
        {viewer && (
          <a
            className="sidebar-account"
            href={href({ screen: 'account' })}
            aria-label={texts.account.menu(viewer.name)}
            aria-current={route.screen === 'account' ? 'page' : undefined}
          >
            <Avatar user={viewer} size="small" />
          </a>
        )}
      </div>
      <div className="sidebar-doors">
        <StrangerLink isCurrent={route.screen === 'stranger' || route.screen === 'home'} />
        <a
          className="door"
          href={href({ screen: 'rooms' })}
          aria-current={route.screen === 'rooms' || route.screen === 'new-room' ? 'page' : undefined}
        >
          <Icon name="room" />
          {texts.list.rooms}
        </a>
      </div>
      <ChannelListView route={route} />
    </nav>
  );
}

function StrangerLink({ isCurrent }: { isCurrent: boolean }) {
  const { matching } = useWorkspace();
  const match = useReadable(matching);
  const words = {
    none: () => texts.match.find,
    waiting: () => texts.match.looking,
    talking: (name: string) => texts.match.talkingWith(name),
    ended: () => texts.match.find,
  }[match.step];
  return (
    <a
      className="door door-stranger"
      href={href({ screen: 'stranger' })}
      data-step={match.step}
      aria-current={isCurrent ? 'page' : undefined}
    >
      <Icon name="people" />
      {words('talk' in match ? match.talk.partner.name : '')}
    </a>
  );
}
