import { setTimeout as delay } from 'node:timers/promises';
import { NotReadyError } from '../errors.ts';
import { ignore } from '../ignore.ts';
import type { Logger } from '../logger.ts';
import { reasonOf, StartError, StartInterruptedError } from '../start-errors.ts';

/** A service that a start waits for. */
export interface Service<Result> {
  /** Name and address, for people. */
  name: string;
  /** The settings to check if it cannot be reached. */
  settings: string;
  /** Resolves if the service responds. A NotReadyError means that it responds as well, with a fault that `/ready` reports. */
  attempt(): Promise<Result>;
  /** Returns whether no further attempt can help, as with a wrong password. */
  isRefused?(error: unknown): boolean;
}

/** How long a start waits. */
export interface Patience {
  timeoutMs: number;
  /** Asks for a stop meanwhile. */
  stopping: AbortSignal;
  logger: Logger;
}

const retryMs = 250;

/**
 * Waits for a service at the start, and logs that once.
 * @returns the result of the attempt; null if the service responds and is not ready
 * @throws StartError with the settings to check if the service cannot be reached in time, or refuses; StartInterruptedError
 */
export async function reach<Result>(service: Service<Result>, patience: Patience): Promise<Result | null> {
  const over = new AbortController();
  const end = () => over.abort();
  // Not `AbortSignal.any`: in Node 20 the garbage collector may take a signal of a timeout that only such a signal refers to.
  const timer = setTimeout(end, patience.timeoutMs);
  patience.stopping.addEventListener('abort', end, { once: true });
  if (patience.stopping.aborted) end();
  try {
    return await attemptUntil(over.signal, service, patience);
  } finally {
    clearTimeout(timer);
    patience.stopping.removeEventListener('abort', end);
  }
}

async function attemptUntil<Result>(
  over: AbortSignal,
  service: Service<Result>,
  { timeoutMs, stopping, logger }: Patience,
): Promise<Result | null> {
  let last: unknown = new Error(`no response within ${timeoutMs} ms`);
  for (let tries = 0; !over.aborted; tries++) {
    try {
      return await unless(over, service.attempt());
    } catch (error) {
      if (error instanceof NotReadyError) return null;
      if (error instanceof StartError) throw error;
      if (over.aborted) break;
      last = error;
      if (service.isRefused?.(error)) break;
      if (tries === 0)
        logger.warn({ reason: reasonOf(error) }, `${service.name} cannot be used yet; trying for ${timeoutMs} ms`);
      await delay(retryMs, undefined, { signal: over }).catch(ignore);
    }
  }
  if (stopping.aborted) throw new StartInterruptedError();
  throw new StartError(`${service.name} cannot be used: ${reasonOf(last)}. Check ${service.settings}.`, {
    cause: last,
  });
}

/** Resolves with the result of some work unless the signal aborts before. */
async function unless<Result>(over: AbortSignal, work: Promise<Result>): Promise<Result> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new Error('the wait is over'));
    over.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    over.removeEventListener('abort', stop);
    work.catch(ignore);
  }
}
