import { useEffect } from 'react';
import { ConversationView } from '../messages/conversation-view.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import { useMatching } from './context.ts';
import { FindStranger } from './find-stranger.tsx';
import { MatchActions } from './match-actions.tsx';
import type { MatchState } from './matching.ts';
import { SearchProgress } from './search-progress.tsx';

/** Starts a search and redirects to the stranger screen. */
export function StartSearch() {
  const matching = useMatching();
  useEffect(() => {
    void matching.find();
    navigate({ screen: 'stranger' }, { replace: true });
  }, [matching]);
  return null;
}

/** The screen to find a stranger and talk to them. "Next" and "Leave" stay in the same place in every step. */
export function StrangerScreen() {
  const matching = useMatching();
  const match = useReadable(matching);
  const failure = useReadable(matching.failure);
  if (match.step === 'none') return <FindStranger failure={failure} />;
  return (
    <Pane {...paneHeader(match)} actions={<MatchActions match={match} />}>
      {failure && (
        <div className="stranger-failure">
          <FailureNote failure={failure} />
        </div>
      )}
      {match.step === 'waiting' ? (
        <SearchProgress since={match.since} />
      ) : (
        <div className="stranger-talk" key={match.id}>
          <ConversationView
            channelId={match.talk.channel.id}
            intro={<MatchIntro partner={match.talk.partner} />}
            {...(match.step === 'ended'
              ? { outro: texts.match.ended(texts.nameOf(match.talk.partner), match.reason) }
              : {})}
          />
        </div>
      )}
    </Pane>
  );
}

function paneHeader(match: Exclude<MatchState, { step: 'none' }>) {
  switch (match.step) {
    case 'waiting':
      return { title: texts.match.waiting };
    case 'talking':
    case 'ended':
      return {
        title: texts.nameOf(match.talk.partner),
        subtitle: match.step === 'ended' ? texts.list.ended : texts.match.title,
        picture: <Avatar user={match.talk.partner} />,
      };
    default:
      return match satisfies never;
  }
}

function MatchIntro({ partner }: { partner: { name: string; avatarUrl: string } }) {
  return (
    <div className="match-intro">
      <Avatar user={partner} size="large" />
      <p className="match-intro-title">{texts.match.matchedWith(texts.nameOf(partner))}</p>
      <p className="match-intro-hint">{texts.match.sayHello}</p>
    </div>
  );
}
