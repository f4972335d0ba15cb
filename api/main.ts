#!/usr/bin/env -S node --enable-source-maps --max-semi-space-size=32
import { createApp } from './app.ts';
import { ConfigError, readConfig, readWarnings } from './config.ts';
import { DatabaseUnavailableError, DataInUseError } from './infra/database/database.ts';
import { createLogger, type Logger, openPrettyOutput } from './logger.ts';
import { welcome } from './welcome.ts';

/** Runs the process: one line says where to go, SIGINT and SIGTERM end it cleanly, a second one at once. */
async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger(config.LOG_LEVEL, await openPrettyOutput());
  for (const warning of readWarnings()) logger.warn({}, warning);
  process.on('uncaughtException', (error) => {
    logger.error({ error }, 'the process cannot go on');
    process.exit(1);
  });
  const starting = createApp(config, logger);
  stopOnSignal(() => starting.then((app) => app.stop()), logger);
  const { port } = await starting;
  process.stdout.write(`${welcome(config, port)} Ctrl-C stops it.\n`);
}

/** Also while it starts: a first process of a container would not hear the signal otherwise. */
function stopOnSignal(stop: () => Promise<void>, logger: Logger): void {
  let stopping = false;
  const end = () => {
    if (stopping) process.exit(1);
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, 'the process did not end cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
});

/** Returns the reason why the process cannot start: a plain message for faults that the reader can fix, else a stack trace. */
function explain(error: unknown): string {
  if (
    [ConfigError, DataInUseError, DatabaseUnavailableError].some((kind) => error instanceof kind) &&
    error instanceof Error
  )
    return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `${error.message}. Stop the process that listens there, or set PORT to another port (0 picks a free one).`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
