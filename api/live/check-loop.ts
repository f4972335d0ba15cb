import { DatabaseUnavailableError, StatementRefusedError } from '../infra/database/database.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';

/** How state that follows signals is verified against the database, because signals can be lost. */
export interface Checks {
  /** Names the state in the log, such as "sessions". */
  subject: string;
  /**
   * Compares the state with the database and repairs it. Checks never overlap. An error is logged, as a warning if the
   * database is unavailable for a while, and the next check tries again.
   * @param wasAway true while pubsub is disconnected and after a reconnect: any signal may have been missed
   */
  check(wasAway: boolean): Promise<unknown>;
  /** Milliseconds between two checks while pubsub is connected. */
  checkMs: number;
  /** Milliseconds between two checks while it is not, and until a loss is noticed; by default `checkMs`. */
  awayCheckMs?: number;
  /** Fraction by which each interval is shorter or longer at random, so that processes spread out; by default 0. */
  jitter?: number;
  /** Maximum milliseconds, chosen at random, from a reconnect to its check; by default 0: the check starts at once. */
  reconnectJitterMs?: number;
}

/** Runs a check periodically and after every reconnect of pubsub. */
export function createCheckLoop(
  options: Checks & { pubsub: Pick<PubSub, 'connected' | 'onReconnected'>; logger: Logger },
) {
  const { pubsub, logger, subject, check, checkMs, awayCheckMs = checkMs, jitter = 0, reconnectJitterMs = 0 } = options;
  let removeListener: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let reconnectTimer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  /** Starts when the running check has ended: one for every request that came meanwhile. */
  let queued: Promise<void> | undefined;
  let sinceCheckMs = 0;
  let failure: 'warn' | 'error' | null = null;
  let isStopped = false;

  return {
    /** Starts the timer and listens for reconnects. Does nothing once stopped. */
    start(): void {
      if (isStopped) return;
      removeListener = pubsub.onReconnected(onReconnected);
      schedule();
    },
    /** Checks now, as after a reconnect. Resolves when a check that started after this call has ended; never rejects. */
    check: checkMissed,
    /** Checks soon, as after a reconnect. */
    checkSoon: onReconnected,
    /** Starts no further check. Resolves when the running one has ended. */
    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      clearTimeout(reconnectTimer);
      removeListener?.();
      await (queued ?? running);
    },
  };

  function schedule(): void {
    const ms = awayCheckMs * (1 + jitter * (2 * Math.random() - 1));
    timer = setTimeout(() => {
      schedule();
      // Without the jitter, so that a shorter interval does not put a due check off by another one.
      sinceCheckMs += awayCheckMs;
      tick();
    }, ms);
  }

  function tick(): void {
    const isAway = !pubsub.connected();
    if (running || queued || (!isAway && sinceCheckMs < checkMs)) return;
    run(isAway);
  }

  function onReconnected(): void {
    if (isStopped) return;
    clearTimeout(reconnectTimer);
    if (reconnectJitterMs === 0) void checkMissed();
    else reconnectTimer = setTimeout(checkMissed, Math.random() * reconnectJitterMs);
  }

  function checkMissed(): Promise<void> {
    if (isStopped) return Promise.resolve();
    if (queued) return queued;
    if (!running) return run(true);
    queued = running.then(() => {
      queued = undefined;
      return isStopped ? undefined : run(true);
    });
    return queued;
  }

  function run(wasAway: boolean): Promise<void> {
    sinceCheckMs = 0;
    running = attempt(wasAway).finally(() => {
      running = undefined;
    });
    return running;
  }

  async function attempt(wasAway: boolean): Promise<void> {
    try {
      await check(wasAway);
      failure = null;
    } catch (error) {
      const isTemporary = error instanceof DatabaseUnavailableError && !(error instanceof StatementRefusedError);
      const level = isTemporary ? 'warn' : 'error';
      // A failure that lasts is logged once, however often it is tried again.
      const isRepeated = failure === level;
      failure = level;
      logger[isRepeated ? 'debug' : level](
        { error },
        `${subject} could not be checked against the database; the next check tries again`,
      );
    }
  }
}

/** A loop of checks, made by `createCheckLoop`. */
export type CheckLoop = ReturnType<typeof createCheckLoop>;
