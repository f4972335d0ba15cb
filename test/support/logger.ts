import type { Logger } from '../../api/logger.ts';

/** Creates a logger that keeps its lines. */
export function createTestLogger() {
  const lines: { level: keyof Logger; facts: unknown; message: unknown }[] = [];
  const at =
    (level: keyof Logger) =>
    (facts: unknown, message?: unknown): void => {
      lines.push({ level, facts, message });
    };
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as Logger;
  return Object.assign(logger, { lines });
}
