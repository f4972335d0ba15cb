import type { Logger } from '../../logger.ts';
import type { MailPort } from './mail.ts';

/** Creates the mail port of a server without SMTP: mails are dropped, because a link in a log could be used by its readers. */
export function createNoMail({ logger }: { logger: Pick<Logger, 'warn'> }): MailPort {
  logger.warn({}, 'SMTP_URL is not set: no mails are sent, so nobody can reset a password');
  return { send: async () => {}, stop: () => {} };
}
