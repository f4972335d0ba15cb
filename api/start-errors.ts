/**
 * Thrown when the process does not start for a reason that its operator knows or can remove. The message names the problem and
 * the remedy in one line: it is printed without a stack trace.
 */
export class StartError extends Error {
  override readonly name: string = 'StartError';
}

/** Thrown by a start that was asked to stop. Everything that had opened is closed again. */
export class StartInterruptedError extends StartError {
  override readonly name = 'StartInterruptedError';

  constructor() {
    super('The start was interrupted.');
  }
}

/** Returns the text to print for an error: a plain message for a fault that the reader can remove, else a stack trace. */
export function explainStart(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof StartError ? error.message : (error.stack ?? error.message);
}

/** Returns the message of an error on one line; the innermost cause has the reason that the system or a service gave. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (error instanceof Error && error.cause !== undefined) return reasonOf(error.cause);
  const text = error instanceof Error ? error.message || String(codeOf(error) ?? error.name) : String(error);
  return text.replace(/\s+/g, ' ').trim();
}

/** Returns the code of a system error, such as `ENOSPC`; null if it has none. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
