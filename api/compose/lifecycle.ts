import { setTimeout as delay } from 'node:timers/promises';
import { ignore } from '../ignore.ts';
import type { Logger } from '../logger.ts';
import { StartInterruptedError } from '../start-errors.ts';

/** A part of the process that runs until it is stopped. */
export interface Part {
  /** Resolves once the part works. A part without it works as soon as it is made. */
  start?(): unknown;
  /** Resolves once everything that the part holds is released. It may be called while `start` is under way. */
  stop(): unknown;
  /** Milliseconds that `stop` takes on purpose, which do not count as part of its time. */
  drainMs?: number;
}

/**
 * Starts a part, and stops it with the process: the last part opened is the first to stop.
 * @param name names the part in the log
 * @param part the part, or a promise of it
 * @throws StartInterruptedError once the process is asked to stop; the part is stopped nevertheless
 */
export type Open = <P extends Part>(name: string, part: P | Promise<P>) => Promise<P>;

interface Opened {
  name: string;
  part: Promise<Part>;
  started: Promise<unknown>;
  drainMs: number;
}

/** Share of the time that is left which one part may use, so that the parts below it have time too. */
const shareOfPart = 1 / 2;

/**
 * Keeps the parts of a process in the order in which they were opened.
 * @param options.stopping asks for the stop: nothing is opened from then on
 * @param options.stopMs milliseconds for the stop of all parts, besides their `drainMs`
 */
export function createLifecycle(options: { logger: Logger; stopMs: number; stopping?: AbortSignal | undefined }) {
  const { logger, stopMs, stopping = new AbortController().signal } = options;
  const opened: Opened[] = [];
  const interrupted = new Promise<never>((_, reject) => {
    const interrupt = () => reject(new StartInterruptedError());
    if (stopping.aborted) interrupt();
    else stopping.addEventListener('abort', interrupt, { once: true });
  });
  interrupted.catch(ignore);

  return { open, stop };

  async function open<P extends Part>(name: string, making: P | Promise<P>): Promise<P> {
    const entry: Opened = { name, part: Promise.resolve(making), started: Promise.resolve(), drainMs: 0 };
    entry.part.catch(ignore);
    opened.push(entry);
    const part = await Promise.race([making, interrupted]);
    // Raced before the start too: a promise that was settled before wins.
    if (stopping.aborted) throw new StartInterruptedError();
    entry.drainMs = part.drainMs ?? 0;
    entry.started = Promise.resolve(part.start?.());
    await Promise.race([entry.started, interrupted]);
    return part;
  }

  /**
   * Stops every part in reverse order, also after one of them has failed to stop. A part that takes longer than half of the
   * time that is left is given up: it ends with the process. Failures are logged.
   * @returns whether every part has stopped in order
   */
  async function stop(): Promise<boolean> {
    let isInOrder = true;
    let deadline = performance.now() + stopMs;
    for (const { name, part, started, drainMs } of opened.splice(0).reverse()) {
      const ms = drainMs + Math.max(0, deadline - performance.now()) * shareOfPart;
      deadline += drainMs;
      const failure = await failureOf(endPart(part, started), ms);
      if (failure === null) continue;
      isInOrder = false;
      logger.error({ part: name, error: failure }, 'a part did not stop in order: it ends with the process');
    }
    return isInOrder;
  }
}

/** Returns the error of some work, or one that says that it took longer than `ms` milliseconds; null once it is done. */
async function failureOf(work: Promise<void>, ms: number): Promise<unknown> {
  const over = new AbortController();
  const late = delay(ms, new Error(`It did not stop within ${Math.round(ms)} ms.`), { signal: over.signal });
  late.catch(ignore);
  const done = work.then(
    () => null,
    (error: unknown) => error ?? new Error('It failed without an error.'),
  );
  return Promise.race([done, late]).finally(() => over.abort());
}

async function endPart(making: Promise<Part>, started: Promise<unknown>): Promise<void> {
  started.catch(ignore);
  // One that could not be made has nothing to release.
  const part = await making.catch(() => null);
  await part?.stop();
  await started.catch(ignore);
}
