import type { ChannelSignal, Entry, Head } from '../../api/events.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createChannelSignals, type HeadSource } from '../../api/live/channel-signals.ts';
import { createUserSignals } from '../../api/live/user-signals.ts';
import type { Logger } from '../../api/logger.ts';
import { createTestLogger } from './logger.ts';

/** Returns the head of a channel, as a bridge publishes it. */
export function headOf(channelId: string, position: number, facts: Partial<Head> = {}): Head {
  const version = position;
  const log = { partition: 0, offset: position, changed: false, through: -1 };
  return { channelId, position, seq: position, version, ...log, ...facts };
}

/** Returns the signal of changed entries, as a bridge publishes it. */
export function signalOf(channelId: string, entries: readonly Entry[]): ChannelSignal {
  return { head: headOf(channelId, entries.at(-1)?.position ?? 0), entries };
}

interface VerificationTimes {
  everyMs?: number;
  awayMs?: number;
  perSecond?: number;
  logger?: Logger;
}

/** Creates the followed users of a node, which verify nothing by themselves for a long time. */
export function createTestUserSignals(pubsub: PubSub, options: VerificationTimes = {}) {
  return createUserSignals({ pubsub, everyMs: 1e9, logger: createTestLogger(), ...options });
}

/** Creates the followed channels of a node, which verify nothing by themselves for a long time. */
export function createTestChannelSignals(pubsub: PubSub, source: HeadSource, options: VerificationTimes = {}) {
  return createChannelSignals({ pubsub, source, everyMs: 1e9, logger: createTestLogger(), ...options });
}
