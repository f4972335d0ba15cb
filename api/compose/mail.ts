import type { Config } from '../config.ts';
import { createOutgoingMail, type OutgoingMail } from '../domain/outgoing-mail.ts';
import type { ResetLinks } from '../domain/password-resets.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';
import type { Ports } from './ports.ts';

/** Opens the queue of mails of a gateway. */
export async function openOutgoingMail(given: {
  open: Open;
  metrics: Metrics;
  ports: Ports;
  logger: Logger;
}): Promise<OutgoingMail> {
  const { open, metrics, ports, logger } = given;
  const { mail } = ports;
  if (mail === null) throw new Error('a gateway needs a mail port');
  const { onRefused } = metrics;
  const outgoing = await open('outgoing mail', createOutgoingMail({ mail, onRefused, logger }));
  metrics.gauge('mails_waiting', 'Mails that wait for their turn or are being sent.', outgoing.waiting);
  metrics.count('mails_sent_total', 'Mails that were handed to the SMTP server.', outgoing.sent);
  metrics.count('mail_failures_total', 'Mails that could not be written or sent; they are given up.', outgoing.failed);
  return outgoing;
}

/** Returns the links of mails: to a page that the configuration names, or to the web client of this server. */
export function resetLinksOf(config: Config): ResetLinks {
  const url =
    config.PASSWORD_RESET_URL ?? `${config.PUBLIC_URL ?? `http://localhost:${config.PORT}`}/#/reset-password/`;
  return { url, ttlMs: config.PASSWORD_RESET_MINUTES * 60_000 };
}
