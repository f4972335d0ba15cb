import type { Logger, RootLogger } from '../../api/logger.ts';

/** Creates a logger that keeps its lines, and apart from them those of its children. */
export function createTestLogger() {
  const lines: { level: keyof Logger; facts: unknown; message: unknown }[] = [];
  const childLines: Record<string, unknown>[] = [];
  const at =
    (level: keyof Logger) =>
    (facts: unknown, message?: unknown): void => {
      lines.push({ level, facts, message });
    };
  const child: RootLogger['child'] = (bound) => {
    const write = (facts: unknown) => void childLines.push({ ...bound, ...(facts as object) });
    return { debug: write, info: write, warn: write, error: write } as Logger;
  };
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as Logger;
  return Object.assign(logger, { lines, child, childLines });
}
