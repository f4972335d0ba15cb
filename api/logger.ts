import { pino } from 'pino';

/** The levels that `LOG_LEVEL` takes, quietest last. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof logLevels)[number];

/** What every part logs through: JSON lines on standard output, an object of facts first, then a sentence. */
export type Logger = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * The process's one logger; parts get a child of it.
 * @param level the least level that is written
 */
export function createLogger(level: LogLevel) {
  return pino({
    level,
    base: null,
    serializers: { error: describe },
    redact: ['password', 'token', 'refreshToken', 'authorization', '*.password', '*.token', '*.authorization'],
  });
}

/** What is logged of an error: never the parameters of a statement, which drivers add and which are users' words. */
function describe(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? { code: error.code } : {};
  return { name, message, ...code, stack, ...(cause === undefined ? {} : { cause: describe(cause) }) };
}
