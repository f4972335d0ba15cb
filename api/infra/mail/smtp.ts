import { createTransport } from 'nodemailer';
import type { MailPort } from './mail.ts';

/** Milliseconds for which a connection, its greeting, and each further response of the server are waited for. */
const timeouts = { connectionTimeout: 5_000, dnsTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 10_000 };

/**
 * Creates the mail port over SMTP, with a connection for each mail. `smtp:` uses TLS where the server offers it; `smtps:`, and
 * the parameter `requireTLS=true`, use it in any case.
 * @param options.url of the server, with user and password
 * @param options.from sender: an address, or a name and an address
 */
export function createSmtpMail({ url, from }: { url: string; from: string }): MailPort {
  // No text may make the library read files or fetch URLs.
  const transport = createTransport({ url, ...timeouts, disableFileAccess: true, disableUrlAccess: true });
  const headers = { 'Auto-Submitted': 'auto-generated' };
  return {
    async send({ to, subject, text }) {
      // As a pair: in a text, a comma would make two addresses of one.
      await transport.sendMail({ from, to: { name: '', address: to }, subject, text, headers });
    },
    stop: () => transport.close(),
  };
}
