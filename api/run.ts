import { once } from 'node:events';
import { createApp } from './app.ts';
import { type Config, readConfig, readWarnings } from './config.ts';
import { createLogger, type Logger, openPrettyOutput } from './logger.ts';
import { surviveLostOutput } from './lost-output.ts';
import { explainStart, StartInterruptedError } from './start-errors.ts';
import { welcome } from './welcome.ts';

/** Files that this process creates are readable by its own user only. */
const umask = 0o077;

/**
 * Runs the server: starts it, prints one line with its URL, and stops it in order.
 * @param stopping asks for the stop, also while the server starts
 * @returns the exit code: 0 after a stop in order, 1 if the server could not start, or could not stop in order
 */
export async function run(stopping: AbortSignal): Promise<number> {
  process.umask(umask);
  surviveLostOutput();
  try {
    const config = readConfig();
    const logger = createLogger(config.LOG_LEVEL, await openPrettyOutput());
    for (const warning of readWarnings()) logger.warn({}, warning);
    endOnUnexpectedErrors(logger);
    return await serve(config, logger, stopping);
  } catch (error) {
    process.stderr.write(`${explainStart(error)}\n`);
    return 1;
  }
}

async function serve(config: Config, logger: ReturnType<typeof createLogger>, stopping: AbortSignal): Promise<number> {
  try {
    const { port, stop } = await createApp(config, logger, {}, stopping);
    process.stdout.write(`${welcome(config, port)} Ctrl-C stops it.\n`);
    if (!stopping.aborted) await once(stopping, 'abort');
    return (await stop()) ? 0 : 1;
  } catch (error) {
    if (error instanceof StartInterruptedError) return 0;
    throw error;
  }
}

/** Ends the process with exit code 1, and logs the reason, after an error that nothing has caught. */
export function endOnUnexpectedErrors(logger: Logger): void {
  process.on('uncaughtException', (error) => {
    logger.error({ error }, 'the process cannot go on');
    process.exit(1);
  });
}
