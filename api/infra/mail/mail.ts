/** A plain text for one reader. */
export interface Mail {
  /** E-mail address, and nothing else. */
  to: string;
  subject: string;
  text: string;
}

/** Sends mails. */
export interface MailPort {
  /**
   * Resolves once the mail is handed on. It takes a bounded time, and is not repeated: a repetition could arrive twice.
   * @throws Error if nobody took the mail
   */
  send(mail: Mail): Promise<void>;
  stop(): unknown;
}
