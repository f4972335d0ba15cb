import { useEffect, useState } from 'react';
import { useWorkspace } from '../parley-context.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { IconButton } from '../ui/button.tsx';
import { href, type Route } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';

/** Says that somebody was found, to a viewer who looked around meanwhile. */
export function MatchFound({ route }: { route: Route }) {
  const { matching } = useWorkspace();
  const match = useReadable(matching);
  const [dismissed, setDismissed] = useState<string | null>(null);
  const isThere =
    route.screen === 'stranger' ||
    route.screen === 'home' ||
    (route.screen === 'channel' && match.step === 'talking' && route.channelId === match.talk.channel.id);
  const id = match.step === 'talking' ? match.id : null;

  useEffect(() => {
    if (isThere && id !== null) setDismissed(id);
  }, [isThere, id]);

  if (match.step !== 'talking' || isThere || dismissed === match.id) return null;
  const { partner } = match.talk;
  return (
    <div className="match-found" role="status">
      <Avatar user={partner} size="small" />
      <p>{texts.match.found(partner.name)}</p>
      <a className="button button-primary" href={href({ screen: 'stranger' })}>
        {texts.match.goTalk}
      </a>
      <IconButton icon="close" label={texts.close} onClick={() => setDismissed(match.id)} />
    </div>
  );
}
