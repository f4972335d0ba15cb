import type { Entry } from '../events.ts';
import type { Viewer } from './auth.ts';
import type { History } from './history.ts';
import type { MessageAccess } from './message-access.ts';
import { mayPin, mayUnpin } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { Submit } from './submit-event.ts';

/** Creates the pins of the domain: pinning messages to their channel, and reading the pinned ones. */
export function createPins(options: {
  submit: Submit;
  history: Pick<History, 'pinnedOf'>;
  messageAccess: MessageAccess;
  rateLimits: RateLimits;
}) {
  const { submit, history, messageAccess } = options;
  const changes = options.rateLimits.shared('pins', rates.pins);

  return {
    /**
     * Pins a message to its channel. A repeated call is harmless.
     * @throws ConflictError if the channel has the maximum of pins or is closed, or the message is deleted
     */
    pin: (viewer: Viewer, messageId: string): Promise<Entry | null> => change('MessagePinned', viewer, messageId),

    /** Takes the pin of a message away. A repeated call is harmless. */
    unpin: (viewer: Viewer, messageId: string): Promise<Entry | null> => change('MessageUnpinned', viewer, messageId),

    /** See `pinnedOf` of the history. */
    of: history.pinnedOf,
  };

  async function change(
    type: 'MessagePinned' | 'MessageUnpinned',
    { userId, deadline }: Viewer,
    messageId: string,
  ): Promise<Entry | null> {
    await changes.take(userId);
    const { channelId } = await messageAccess.require(type === 'MessagePinned' ? mayPin : mayUnpin, messageId, userId);
    return submit({ type, channelId, actorId: userId, messageId }, deadline);
  }
}

export type Pins = ReturnType<typeof createPins>;
