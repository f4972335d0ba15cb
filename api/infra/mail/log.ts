import type { Logger } from '../../logger.ts';
import type { MailPort } from './mail.ts';

/** Creates the mail port of a developer's machine: mails, and the links in them, go to the log. */
export function createLogMail({ logger }: { logger: Pick<Logger, 'info'> }): MailPort {
  return {
    send: async (mail) => logger.info({ mail }, 'a mail, which is not sent because SMTP_URL is not set'),
    stop: () => {},
  };
}
