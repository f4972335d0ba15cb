import { activityTopic } from '../../events.ts';
import type { PubSub } from '../../infra/pubsub/pubsub.ts';
import { publishSignal } from '../../live/publish-signal.ts';
import type { Logger } from '../../logger.ts';

/** Milliseconds for which the signals of a channel are gathered. */
const defaultGatherMs = 100;
/** Maximum number of users of each kind in one signal; further users are left out, as clients repeat these calls. */
const maxUsers = 100;

/** Signals of one channel that are not published yet. */
interface Gathered {
  /** Whether each of these users types. */
  typing: Map<string, boolean>;
  seen: Set<string>;
  asks: boolean;
}

/** Creates the publisher of transient signals: at most one signal for each channel and moment, however many users act. */
export function createActivityPublisher(options: {
  pubsub: Pick<PubSub, 'publish'>;
  gatherMs?: number;
  logger: Logger;
}) {
  const { gatherMs = defaultGatherMs } = options;
  const gathered = new Map<string, Gathered>();
  let timer: NodeJS.Timeout | undefined;

  return {
    /** Tells that a user types or has ceased to. */
    typing(channelId: string, userId: string, isActive: boolean): void {
      const { typing } = gather(channelId);
      if (typing.size < maxUsers || typing.has(userId)) typing.set(userId, isActive);
    },
    /** Tells that a member's seen mark has moved. */
    seen(channelId: string, userId: string): void {
      const { seen } = gather(channelId);
      if (seen.size < maxUsers) seen.add(userId);
    },
    /** Asks all gateways who types in a channel. */
    ask(channelId: string): void {
      gather(channelId).asks = true;
    },
    stop: () => clearTimeout(timer),
  };

  function gather(channelId: string): Gathered {
    timer ??= setTimeout(publishAll, gatherMs);
    const present = gathered.get(channelId);
    if (present) return present;
    const added: Gathered = { typing: new Map(), seen: new Set(), asks: false };
    gathered.set(channelId, added);
    return added;
  }

  function publishAll(): void {
    timer = undefined;
    const all = [...gathered];
    gathered.clear();
    for (const [channelId, { typing, seen, asks }] of all) {
      const usersWho = (type: boolean) =>
        [...typing].flatMap(([userId, isActive]) => (isActive === type ? userId : []));
      const signal = { typing: usersWho(true), ceased: usersWho(false), seen: [...seen], asks };
      void publishSignal(options, activityTopic(channelId), signal);
    }
  }
}

/** See `createActivityPublisher`. */
export type ActivityPublisher = ReturnType<typeof createActivityPublisher>;
