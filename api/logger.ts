import { type DestinationStream, pino } from 'pino';
import { ignore } from './ignore.ts';

/** Levels that `LOG_LEVEL` takes, quietest last. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof logLevels)[number];

/** Logger that every part takes: a call has an object of facts first, then a sentence. */
export type Logger = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error'>;

/** Logger of the process, from which others are made. */
export interface RootLogger extends Logger {
  /** Returns a logger that adds facts to each line, with a level of its own. */
  child(facts: object, options: { level: LogLevel }): Logger;
}

/**
 * Creates the logger of the process.
 * @param level lowest level that is written
 * @param output stream for the lines; JSON on standard output by default
 */
export function createLogger(level: LogLevel, output?: DestinationStream) {
  const options = {
    level,
    base: null,
    serializers: { error: describe },
    redact: ['password', 'token', 'refreshToken', 'authorization', '*.password', '*.token', '*.authorization'],
  };
  return pino(options, output ?? openDestination({ dest: 1 }));
}

/** Creates a logger as `createLogger` does, with JSON on standard error: standard output is for other programs. */
export function createErrorLogger(level: LogLevel) {
  return createLogger(level, openDestination({ dest: 2 }));
}

/** Bytes of lines that wait while they cannot be written, as on a full disk; further ones are dropped. */
const maxWaitingBytes = 1_048_576;

/** Opens a destination of lines, whose errors do not end the process. It is synchronous, so that no lines before a crash are lost. */
function openDestination(target: { dest: string | number }) {
  return pino.destination({ ...target, sync: true, maxLength: maxWaitingBytes }).on('error', ignore);
}

/**
 * Opens the logger of the security log. It writes every event at any `LOG_LEVEL`, and each line has `log: "security"`.
 * @param target `stdout`, or the path of a file to append to, which is created if it does not exist, in a directory that does; the
 * umask of the process decides who may read it
 * @returns the logger, and `stop`, which closes the file
 * @throws Error if the file cannot be opened
 */
export function openSecurityLogger(target: string, root: RootLogger): { logger: Logger; stop(): void } {
  const facts = { log: 'security' };
  if (target === 'stdout') return { logger: root.child(facts, { level: 'info' }), stop: () => {} };
  const file = openDestination({ dest: target });
  file.on('error', (error: unknown) => root.error({ error }, 'the security log could not be written'));
  return { logger: createLogger('info', file).child(facts), stop: () => file.end() };
}

/**
 * Returns a stream that formats log lines for people if standard output is a terminal, undefined if it is a file or a pipe.
 * It writes synchronously, so that the last lines before an exit are not lost.
 */
export async function openPrettyOutput(): Promise<DestinationStream | undefined> {
  if (!process.stdout.isTTY) return undefined;
  const { default: pretty } = await import('pino-pretty');
  return pretty({ sync: true, singleLine: true });
}

/** Returns the loggable part of an error, without the parameters of a statement: drivers add them, and they hold users' text. */
function describe(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? { code: error.code } : {};
  return { name, message, ...code, stack, ...(cause === undefined ? {} : { cause: describe(cause) }) };
}
