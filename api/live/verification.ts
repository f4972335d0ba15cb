import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { type Checks, createCheckLoop } from './check-loop.ts';

/** Options of `createVerification`. */
export interface VerificationOptions {
  /** Names the state in the log, such as "channels". */
  subject: string;
  pubsub: Pick<PubSub, 'connected' | 'onReconnected' | 'subscribe'>;
  /** The followed keys, in the order in which they were added. */
  followed: ReadonlyMap<string, unknown>;
  /** Compares the state of at most `perSecond` keys with the database, and repairs it. */
  verify(keys: readonly string[]): Promise<void>;
  /** Maximum number of keys of one statement, and of a second while no signal is known to be missing. */
  perSecond: number;
  /** Milliseconds between two verifications of one key, if no signal is known to be missing. */
  everyMs?: number;
  /** Milliseconds between two rounds over all keys while pubsub is away. */
  awayMs?: number;
  logger: Logger;
}

/** Signals are lost only together with a connection or a bridge, which is noticed: this is a precaution. */
const defaultEveryMs = 10_000;
/** While pubsub is away, verifications are the only way to notice changes. */
const defaultAwayMs = 1_000;
/** Gateways spread their verifications. */
const spread = { jitter: 1 / 8, reconnectJitterMs: 250 };

/**
 * Verifies state that follows signals against the database. Where signals are known to be missing, after a reconnect of pubsub
 * and when a bridge has taken over a partition, everything is verified at once, in pages. Otherwise keys take turns, evenly
 * spread, so that the load on the database has a bound for any number of keys.
 */
export function createVerification(options: VerificationOptions) {
  const { subject, pubsub, followed, verify, perSecond, logger } = options;
  const { everyMs = defaultEveryMs, awayMs = defaultAwayMs } = options;
  const checks: Checks = { subject, check, checkMs: awayMs, ...spread };
  const loop = createCheckLoop({ ...checks, pubsub, logger });
  /** Number of times that signals may have been missed, and the number of them that are made up for. */
  let misses = 0;
  let madeUp = 0;
  /** Number of keys that may be verified by now. */
  let due = 0;
  let turns: Iterator<string> = followed.keys();
  let removeListener: (() => void) | undefined;
  let takeovers: Promise<() => Promise<void>> | undefined;

  return {
    /** Returns true while signals may be missing: pubsub is away, or not everything is verified since. */
    mayMiss: (): boolean => !pubsub.connected() || madeUp < misses,
    /** Verifies everything now. Never rejects: a failure is logged, and the next attempt follows soon. */
    check: loop.check,
    async start(): Promise<void> {
      removeListener = pubsub.onReconnected(noteMiss);
      takeovers = pubsub.subscribe('takeovers', () => {
        noteMiss();
        loop.checkSoon();
      });
      await takeovers;
      loop.start();
    },
    async stop(): Promise<void> {
      removeListener?.();
      await loop.stop();
      const unsubscribe = await takeovers?.catch(() => undefined);
      await unsubscribe?.();
    },
  };

  function noteMiss(): void {
    misses++;
  }

  async function check(wasAway: boolean): Promise<void> {
    if (!pubsub.connected()) noteMiss();
    if (wasAway || madeUp < misses) return verifyAll();
    due = Math.min(due + Math.min((followed.size * awayMs) / everyMs, (perSecond * awayMs) / 1_000), perSecond);
    // Waits until a whole page is due, which takes fewer statements.
    if (followed.size === 0 || due < Math.min(followed.size, perSecond)) return;
    due = 0;
    await verify(nextPage());
  }

  async function verifyAll(): Promise<void> {
    const known = misses;
    const keys = [...followed.keys()];
    for (let from = 0; from < keys.length; from += perSecond) await verify(keys.slice(from, from + perSecond));
    madeUp = known;
    due = 0;
  }

  /** Returns the keys whose turn it is. Keys that are followed meanwhile come last. */
  function nextPage(): string[] {
    const page: string[] = [];
    while (page.length < perSecond) {
      const { value, done } = turns.next();
      if (done) {
        turns = followed.keys();
        break;
      }
      page.push(value);
    }
    return page;
  }
}
