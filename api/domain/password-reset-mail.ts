import type { Mail } from '../infra/mail/mail.ts';

/**
 * Writes the mail with the link that resets a password. It has no text that a user wrote, not even a name: anybody can have it sent
 * to somebody else.
 * @param ttlMs milliseconds for which the link works
 */
export function writeResetMail(to: string, { link, ttlMs }: { link: string; ttlMs: number }): Mail {
  return {
    to,
    subject: 'Choose a new password',
    text: `Somebody asked for a new password for the account with this e-mail address.

Open this link to choose one:

${link}

It works once, within ${duration(ttlMs)}. If it wasn't you, ignore this mail: your password stays as it is.
`,
  };
}

function duration(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  const [amount, unit] = minutes % 60 === 0 ? [minutes / 60, 'hour'] : [minutes, 'minute'];
  return amount === 1 ? `one ${unit}` : `${amount} ${unit}s`;
}
