#!/usr/bin/env node
import { createLifecycle } from '../compose/lifecycle.ts';
import { askServer, runModeratorCommand } from '../compose/operator-socket.ts';
import { openDatabasePort } from '../compose/ports.ts';
import { type Config, readConfig } from '../config.ts';
import { readModeratorCommand } from '../domain/moderator-commands.ts';
import { DatabaseUnavailableError } from '../infra/database/database.ts';
import { createLogger } from '../logger.ts';
import { surviveLostOutput } from '../lost-output.ts';
import { codeOf, explainStart } from '../start-errors.ts';
import { listenForStop } from '../stop-signals.ts';

/** Runs the operator's command with the settings of the server. */
async function main(): Promise<void> {
  const words = process.argv.slice(2);
  readModeratorCommand(words);
  const config = readConfig();
  process.stdout.write((await askRunning(config, words)) ?? (await runAlone(config, words)));
}

/** Returns the response of the server that has the embedded database open; null if none has, or the database is on a server of its own. */
async function askRunning(config: Config, words: readonly string[]): Promise<string | null> {
  if (config.DATABASE_URL !== undefined) return null;
  try {
    return await askServer(config.DATA_DIR, words);
  } catch (error) {
    // There is no data directory yet.
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function runAlone(config: Config, words: readonly string[]): Promise<string> {
  const logger = createLogger('error');
  const stopping = listenForStop();
  const { open, stop } = createLifecycle({ logger, stopMs: config.STOP_TIMEOUT_MS, stopping });
  try {
    return await runModeratorCommand(await openDatabasePort({ config, logger, open, stopping }), words);
  } finally {
    await stop();
  }
}

surviveLostOutput();
main().catch((error: unknown) => {
  const isPlain = error instanceof DatabaseUnavailableError;
  process.stderr.write(`${isPlain ? error.message : explainStart(error)}\n`);
  process.exitCode = 1;
});
