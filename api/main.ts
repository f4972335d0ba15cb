#!/usr/bin/env -S node --enable-source-maps --max-semi-space-size=32
import { createApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { DatabaseUnavailableError, DataInUseError } from './infra/database/database.ts';
import { createLogger, type Logger, openPrettyOutput } from './logger.ts';

/** Runs the process: one line says where to go, SIGINT and SIGTERM end it cleanly, a second one at once. */
async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger(config.LOG_LEVEL, await openPrettyOutput());
  process.on('uncaughtException', (error) => {
    logger.error({ error }, 'the process cannot go on');
    process.exit(1);
  });
  const starting = createApp(config, logger);
  stopOnSignal(() => starting.then((app) => app.stop()), logger);
  const { port } = await starting;
  process.stdout.write(`${welcome(config, port)} Ctrl-C stops it.\n`);
}

/** Where to go. */
function welcome({ SERVICES, PUBLIC_URL, TLS_CERT_FILE, GRAPHIQL }: Config, port: number): string {
  if (!SERVICES.includes('gateway'))
    return `Parley's bridge is ready; its probes are at http://localhost:${port}/ready.`;
  const url = PUBLIC_URL ?? `${TLS_CERT_FILE ? 'https' : 'http'}://localhost:${port}`;
  return `Parley is ready at ${url}${GRAPHIQL === 'on' ? ` (GraphiQL at ${url}/graphql)` : ''}.`;
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
