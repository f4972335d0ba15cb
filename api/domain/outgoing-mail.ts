import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { UnavailableError } from '../errors.ts';
import type { Mail, MailPort } from '../infra/mail/mail.ts';
import type { Logger } from '../logger.ts';

/** Number of mails that are written and sent at the same time. */
const maxConcurrent = 4;
/** Maximum number of mails that wait for their turn. */
const maxWaiting = 1_000;
/** Milliseconds that a stop waits for mails. */
const stopMs = 5_000;

/**
 * Creates the queue of mails. A mail is written and sent after the request that caused it, so that its response says nothing about
 * the receiver, not even by its duration.
 * @param options.onRefused called with `mails` for each mail that is refused because too many wait
 */
export function createOutgoingMail(options: {
  mail: Pick<MailPort, 'send'>;
  onRefused(limit: string): void;
  logger: Logger;
}) {
  const { mail, onRefused, logger } = options;
  const limit = pLimit(maxConcurrent);
  const running = new Set<Promise<void>>();
  const counts = { sent: 0, failed: 0 };

  return {
    /**
     * Sends a mail later. A failure is logged and counted.
     * @param write returns the mail; null if there is none to send
     * @throws UnavailableError if too many mails wait
     */
    enqueue(write: () => Promise<Mail | null>): void {
      if (limit.pendingCount >= maxWaiting) throw tooMany();
      const sending = limit(() => send(write)).finally(() => running.delete(sending));
      running.add(sending);
    },
    /** Number of mails that wait for their turn or are being sent. */
    waiting: () => running.size,
    sent: () => counts.sent,
    failed: () => counts.failed,
    /** Resolves once all mails are sent, or after some seconds: the others are given up. */
    async stop(): Promise<void> {
      const over = new AbortController();
      await Promise.race([Promise.all(running), delay(stopMs, null, { signal: over.signal }).catch(() => null)]);
      over.abort();
      limit.clearQueue();
      if (running.size > 0) logger.warn({ mails: running.size }, 'mails were not sent before the stop');
    },
  };

  async function send(write: () => Promise<Mail | null>): Promise<void> {
    try {
      const written = await write();
      if (written === null) return;
      await mail.send(written);
      counts.sent++;
    } catch (error) {
      counts.failed++;
      logger.error({ error }, 'a mail could not be sent');
    }
  }

  function tooMany(): UnavailableError {
    onRefused('mails');
    return new UnavailableError('Too many mails are being sent. Try again in a few minutes.');
  }
}

/** The queue of mails, made by `createOutgoingMail`. */
export type OutgoingMail = ReturnType<typeof createOutgoingMail>;
