import { setTimeout as delay } from 'node:timers/promises';
import type { Consumption } from './event-log.ts';
import { openSession, type Session, type SessionOptions } from './kafka-session.ts';

/**
 * Consumes as a member of the group until it is stopped: when a session ends, the next one begins.
 * @param options.partitions resolves with the number of partitions once the topic exists
 */
export function createKafkaConsumption(options: SessionOptions & { partitions: Promise<number> }): Consumption {
  const { topic, partitions, retryMs, logger } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  /** Running handlers by partition. They outlive a session: a handler may still be running when its consumer is gone. */
  const work = new Map<number, Promise<unknown>>();
  const aborted = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  let session: Session | undefined;
  let stopped: Promise<void> | undefined;
  const running = Promise.race([partitions, aborted]).then(run, () => {});

  async function run(concurrency: number | undefined): Promise<void> {
    let reported: string | undefined;
    while (!signal.aborted) {
      session = openSession(options, work, concurrency ?? 1);
      const error = await Promise.race([session.ended, aborted]);
      if (signal.aborted) break;
      if (session.hasJoined() || reported !== String(error)) {
        logger.warn({ error, topic }, 'the log cannot be read; trying again');
      }
      reported = String(error);
      await session.close();
      await delay(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  async function stop(): Promise<void> {
    session?.release();
    stopping.abort();
    await Promise.all(work.values());
    await session?.close();
    await running;
  }

  return {
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}
