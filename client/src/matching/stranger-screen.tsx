import { useEffect, useState } from 'react';
import { ConversationView } from '../messages/conversation-view.tsx';
import { useWorkspace } from '../parley-context.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import { FindStranger } from './find-stranger.tsx';
import type { MatchState } from './matching.ts';
import { Waiting } from './waiting.tsx';

/** Begins to look at once, and goes to where one waits. */
export function FindNow() {
  const { matching } = useWorkspace();
  useEffect(() => {
    void matching.find();
    navigate({ screen: 'stranger' }, { replace: true });
  }, [matching]);
  return null;
}

/** Looking for a stranger, talking with one, and moving on: "Next" and "Leave" stay where they are throughout. */
export function StrangerScreen() {
  const { matching } = useWorkspace();
  const match = useReadable(matching);
  const failure = useReadable(matching.failure);
  if (match.step === 'none') return <FindStranger failure={failure} />;
  return (
    <Pane {...heading(match)} actions={<MoveOn match={match} />}>
      {failure && (
        <div className="stranger-failure">
          <FailureNote failure={failure} />
        </div>
      )}
      {match.step === 'waiting' ? (
        <Waiting since={match.since} />
      ) : (
        <div className="stranger-talk" key={match.id}>
          <ConversationView
            channelId={match.talk.channel.id}
            intro={<Meeting name={match.talk.partner.name} avatarUrl={match.talk.partner.avatarUrl} />}
            {...(match.step === 'ended' ? { outro: texts.match.ended(match.talk.partner.name, match.reason) } : {})}
          />
        </div>
      )}
    </Pane>
  );
}

function heading(match: Exclude<MatchState, { step: 'none' }>) {
  switch (match.step) {
    case 'waiting':
      return { title: texts.match.waiting };
    case 'talking':
    case 'ended':
      return {
        title: match.talk.partner.name,
        subtitle: match.step === 'ended' ? texts.list.ended : texts.match.title,
        picture: <Avatar user={match.talk.partner} />,
      };
    default:
      return match satisfies never;
  }
}

function Meeting({ name, avatarUrl }: { name: string; avatarUrl: string }) {
  return (
    <div className="meeting">
      <Avatar user={{ name, avatarUrl }} size="large" />
      <p className="meeting-title">{texts.match.matchedWith(name)}</p>
      <p className="meeting-hint">{texts.match.sayHello}</p>
    </div>
  );
}

type Move = 'next' | 'leave';

function MoveOn({ match }: { match: Exclude<MatchState, { step: 'none' }> }) {
  const { matching, drafts } = useWorkspace();
  const [asking, setAsking] = useState<Move | null>(null);
  const [busyWith, setBusyWith] = useState<Move | null>(null);
  const channelId = match.step === 'waiting' ? null : match.talk.channel.id;

  function move(to: Move) {
    const wouldLoseDraft = match.step === 'talking' && channelId && drafts.read(channelId).text.trim() !== '';
    if (wouldLoseDraft) setAsking(to);
    else void go(to);
  }

  async function go(to: Move) {
    setAsking(null);
    setBusyWith(to);
    if (to === 'next') await matching.next();
    else await matching.leave();
    if (matching.failure.get() === null && channelId) drafts.write(channelId, { text: '', replyToId: null });
    setBusyWith(null);
    if (to === 'leave' && matching.failure.get() === null) navigate({ screen: 'home' });
  }

  return (
    <>
      <Button
        icon="next"
        look={match.step === 'ended' ? 'primary' : 'plain'}
        title={texts.match.nextHint}
        disabled={match.step === 'waiting'}
        isBusy={busyWith === 'next'}
        onClick={() => move('next')}
      >
        {texts.match.next}
      </Button>
      <Button
        icon="leave"
        data-compact
        title={texts.match.leaveHint}
        isBusy={busyWith === 'leave'}
        onClick={() => move('leave')}
      >
        {texts.match.leave}
      </Button>
      {asking && (
        <Confirm
          title={texts.match.draftQuestion}
          note={texts.match.draftNote}
          action={texts.match[asking]}
          dismiss={texts.match.keepWriting}
          onConfirm={() => void go(asking)}
          onClose={() => setAsking(null)}
        />
      )}
    </>
  );
}
