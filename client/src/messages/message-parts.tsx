import { Avatar } from '../ui/avatar.tsx';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';
import { Time } from '../ui/time.tsx';
import type { Message } from './message.ts';

/** The author and the time, above the first message of a group. */
export function MessageHead({ author, at }: { author: Message['author']; at: string }) {
  return (
    <div className="message-head">
      <Avatar user={author} size="small" />
      <span className="message-author">{texts.nameOf(author)}</span>
      <Time at={at} />
    </div>
  );
}

/** An icon for the delivery state of the viewer's own message. */
export function DeliveryState({ icon, label }: { icon: 'check' | 'clock' | 'alert'; label: string }) {
  return (
    <span className="bubble-state" title={label}>
      <Icon name={icon} />
      <span className="hidden">{label}</span>
    </span>
  );
}
