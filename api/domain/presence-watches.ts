import type { Logger } from '../logger.ts';

/** Told of a member who comes online or goes offline, or joins or leaves the channel while online. */
export type PresenceListener = (userId: string, isOnline: boolean) => void;

/**
 * Creates the watches of channels whose online members somebody follows.
 * @param options.refreshMs milliseconds from a change of memberships to the reading of the members
 * @param options.refresh reads the members of a channel again
 */
export function createPresenceWatches(options: {
  refreshMs: number;
  refresh(channelId: string): Promise<unknown>;
  logger: Logger;
}) {
  const { refreshMs, refresh, logger } = options;
  const listeners = new Map<string, Set<PresenceListener>>();
  const outdated = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  return {
    /** Returns whether somebody watches the channel. */
    has: (channelId: string) => listeners.has(channelId),
    /** Adds a listener. Returns a function that removes it. */
    add(channelId: string, listener: PresenceListener): () => void {
      const ofChannel = listeners.get(channelId) ?? new Set();
      listeners.set(channelId, ofChannel.add(listener));
      return () => {
        ofChannel.delete(listener);
        if (ofChannel.size === 0 && listeners.get(channelId) === ofChannel) listeners.delete(channelId);
      };
    },
    /** Tells the listeners of a channel. */
    tell(channelId: string, userId: string, isOnline: boolean): void {
      for (const listener of listeners.get(channelId) ?? []) listener(userId, isOnline);
    },
    /** Reads the members of a watched channel again, together with others. */
    onOutdated(channelId: string): void {
      if (!listeners.has(channelId)) return;
      outdated.add(channelId);
      timer ??= setTimeout(refreshAll, refreshMs);
    },
    stop: () => clearTimeout(timer),
  };

  function refreshAll(): void {
    timer = undefined;
    for (const channelId of outdated) refresh(channelId).catch(warn);
    outdated.clear();
  }

  function warn(error: unknown): void {
    logger.warn({ error }, 'members of a channel could not be read; the next check tries again');
  }
}
