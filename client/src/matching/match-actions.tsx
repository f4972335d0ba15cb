import { useState } from 'react';
import { useMessaging } from '../messages/context.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useMatching } from './context.ts';
import type { MatchState } from './matching.ts';

type Action = 'next' | 'leave';

/** The buttons "Next" and "Leave". They ask for confirmation only if a draft would be lost. */
export function MatchActions({ match }: { match: Exclude<MatchState, { step: 'none' }> }) {
  const matching = useMatching();
  const { drafts } = useMessaging();
  const [confirming, setConfirming] = useState<Action | null>(null);
  const [running, setRunning] = useState<Action | null>(null);
  const channelId = match.step === 'waiting' ? null : match.talk.channel.id;

  function start(action: Action) {
    const wouldLoseDraft = match.step === 'talking' && channelId && drafts.read(channelId).text.trim() !== '';
    if (wouldLoseDraft) setConfirming(action);
    else void run(action);
  }

  async function run(action: Action) {
    setConfirming(null);
    setRunning(action);
    if (action === 'next') await matching.next();
    else await matching.leave();
    if (matching.failure.get() === null && channelId) drafts.write(channelId, { text: '', replyToId: null });
    setRunning(null);
    if (action === 'leave' && matching.failure.get() === null) navigate({ screen: 'home' });
  }

  return (
    <>
      <Button
        icon="next"
        variant={match.step === 'ended' ? 'primary' : 'plain'}
        title={texts.match.nextHint}
        disabled={match.step === 'waiting'}
        isBusy={running === 'next'}
        onClick={() => start('next')}
      >
        {texts.match.next}
      </Button>
      <Button
        icon="leave"
        data-compact
        title={texts.match.leaveHint}
        isBusy={running === 'leave'}
        onClick={() => start('leave')}
      >
        {texts.match.leave}
      </Button>
      {confirming && (
        <Confirm
          title={texts.match.draftQuestion}
          note={texts.match.draftNote}
          action={texts.match[confirming]}
          dismiss={texts.match.keepWriting}
          onConfirm={() => void run(confirming)}
          onClose={() => setConfirming(null)}
        />
      )}
    </>
  );
}
