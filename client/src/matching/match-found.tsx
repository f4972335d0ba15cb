import { useEffect, useState } from 'react';
import { Avatar } from '../ui/avatar.tsx';
import { IconButton } from '../ui/button.tsx';
import { href, type Route } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import { useMatching } from './context.ts';

/** Announces a new match while the viewer is on another screen. */
export function MatchFound({ route }: { route: Route }) {
  const match = useReadable(useMatching());
  const [dismissedId, setDismissedId] = useState<string | null>(null);
  const isMatchShown =
    route.screen === 'stranger' ||
    route.screen === 'home' ||
    (route.screen === 'channel' && match.step === 'talking' && route.channelId === match.talk.channel.id);
  const id = match.step === 'talking' ? match.id : null;

  useEffect(() => {
    if (isMatchShown && id !== null) setDismissedId(id);
  }, [isMatchShown, id]);

  if (match.step !== 'talking' || isMatchShown || dismissedId === match.id) return null;
  const { partner } = match.talk;
  return (
    <div className="match-found" role="status">
      <Avatar user={partner} size="small" />
      <p>{texts.match.found(texts.nameOf(partner))}</p>
      <a className="button button-primary" href={href({ screen: 'stranger' })}>
        {texts.match.openMatch}
      </a>
      <IconButton icon="close" label={texts.close} onClick={() => setDismissedId(match.id)} />
    </div>
  );
}
