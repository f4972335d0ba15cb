import type { ChangedHead } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createSignalWatch } from './signal-watch.ts';

/** A part of this gateway that follows channels by their heads. */
export interface HeadListener {
  /** Called with the heads that a bridge published. */
  heads(heads: readonly ChangedHead[]): void;
  /** Reads the heads that the listener follows, because signals may have been missed. */
  check?(): Promise<void>;
}

/** Signals are lost only together with the connection, so that regular checks are a precaution. */
const defaultCheckMs = 5_000;
/** While pubsub is disconnected, checks are the only way to notice changes. */
const defaultAwayCheckMs = 1_000;
/** Fraction by which the interval of checks varies, so that gateways do not query the database at the same moment. */
const jitter = 1 / 8;
/** Milliseconds over which gateways spread their checks after a reconnect. */
const reconnectJitterMs = 250;

/**
 * Receives the heads that bridges publish, once for every part of this gateway, and runs the checks of these parts.
 * @param options.checkMs milliseconds between two checks
 * @param options.awayCheckMs milliseconds between two checks while pubsub is disconnected, and until a loss is noticed
 */
export function createHeads(options: { pubsub: PubSub; checkMs?: number; awayCheckMs?: number; logger: Logger }) {
  const { pubsub, checkMs = defaultCheckMs, awayCheckMs = defaultAwayCheckMs, logger } = options;
  const listeners = new Set<HeadListener>();
  const checks = { subject: 'heads', check: checkAll, checkMs, awayCheckMs, jitter, reconnectJitterMs };
  const { check, start, stop } = createSignalWatch({ pubsub, topic: 'heads', onSignal, checks, logger });

  return {
    /** Adds a listener. Returns a function that removes it. */
    listen(listener: HeadListener): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    check,
    start,
    stop,
  };

  function onSignal(heads: readonly ChangedHead[]): void {
    for (const listener of listeners) listener.heads(heads);
  }

  /** @throws the first error, once every listener has finished */
  async function checkAll(): Promise<void> {
    const results = await Promise.allSettled([...listeners].map((listener) => listener.check?.()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** The heads that this gateway receives, made by `createHeads`. */
export type Heads = ReturnType<typeof createHeads>;
