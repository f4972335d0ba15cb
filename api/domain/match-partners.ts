import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { createSignalWatch } from '../live/signal-watch.ts';
import type { Logger } from '../logger.ts';
import type { MatchLifecycle } from './match-lifecycle.ts';

/** The watch of one partner on behalf of one stream. */
export interface PartnerWatch {
  partnerId: string;
  /** Compares the partner's presence with the one that was told last; calls `onChange` if it differs or the match must end. */
  check(): Promise<void>;
  leave(): void;
}

/**
 * Creates the watches by which streams learn that their partner went offline or came back. Signals of presence are fast but may
 * be lost: streams check regularly too. The topic is followed while there is a partner to watch.
 */
export function createMatchPartners(options: {
  pubsub: Pick<PubSub, 'subscribe' | 'connected' | 'onReconnected'>;
  lifecycle: Pick<MatchLifecycle, 'presenceOf'>;
  logger: Logger;
}) {
  const { pubsub, lifecycle, logger } = options;
  const watches = new Map<string, Set<PartnerWatch>>();
  let signals: ReturnType<typeof createSignalWatch> | undefined;

  return {
    /** Begins to watch a partner, whose presence at this moment counts as told. */
    async open(partnerId: string, onChange: () => void): Promise<PartnerWatch> {
      let isTold: boolean | null = null;
      const watch: PartnerWatch = { partnerId, check, leave: () => remove(watch) };
      add(watch);
      const presence = await lifecycle.presenceOf(partnerId);
      isTold = presence === null ? null : presence === 'ONLINE';
      return watch;

      async function check(): Promise<void> {
        const present = await lifecycle.presenceOf(partnerId);
        if (present === null || !watches.get(partnerId)?.has(watch)) return;
        const isOnline = present === 'ONLINE';
        const isChanged = isOnline !== isTold;
        isTold = isOnline;
        if (isChanged || present === 'GONE') onChange();
      }
    },
  };

  function add(watch: PartnerWatch): void {
    const ofPartner = watches.get(watch.partnerId) ?? new Set();
    watches.set(watch.partnerId, ofPartner.add(watch));
    if (signals) return;
    signals = createSignalWatch({ pubsub, topic: 'presence', onSignal: checkAll, logger });
    signals.start().catch(warn);
  }

  function remove(watch: PartnerWatch): void {
    const ofPartner = watches.get(watch.partnerId);
    if (!ofPartner?.delete(watch) || ofPartner.size > 0) return;
    watches.delete(watch.partnerId);
    if (watches.size > 0) return;
    signals?.stop().catch(warn);
    signals = undefined;
  }

  function checkAll(userIds: readonly string[]): void {
    for (const userId of userIds) for (const watch of watches.get(userId) ?? []) void watch.check();
  }

  function warn(error: unknown): void {
    logger.warn({ error }, 'presence is not followed: absent partners are noticed at the next regular check');
  }
}

/** See `createMatchPartners`. */
export type MatchPartners = ReturnType<typeof createMatchPartners>;
