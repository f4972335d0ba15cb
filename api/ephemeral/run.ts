import { once } from 'node:events';
import type { EphemeralCommand } from '../command-line.ts';
import { createLifecycle } from '../compose/lifecycle.ts';
import { createErrorLogger } from '../logger.ts';
import { surviveLostOutput } from '../lost-output.ts';
import { endOnUnexpectedErrors } from '../run.ts';
import { explainStart, StartInterruptedError } from '../start-errors.ts';
import { createActions } from './actions.ts';
import { createControl } from './control.ts';
import { defaultSeed, readSeed, type Seed } from './seed-data.ts';
import { openEphemeralServer } from './server.ts';
import { readEphemeralConfig } from './settings.ts';

/**
 * Runs an ephemeral server: starts it, prints one line with its addresses, and stops it.
 * @param stopping asks for the stop, also while the server starts
 * @returns the exit code: 0 after a stop in order, 1 if the server could not start, or could not stop in order
 */
export async function runEphemeral(command: EphemeralCommand, stopping: AbortSignal): Promise<number> {
  surviveLostOutput();
  try {
    return await serve(command, createStop(stopping));
  } catch (error) {
    if (error instanceof StartInterruptedError) return 0;
    process.stderr.write(`${explainStart(error)}\n`);
    return 1;
  }
}

/** How a server is asked to stop. */
interface Stop {
  stopping: AbortSignal;
  order(): void;
}

/** Also asks for the stop when the process that holds the other end of a channel ends: a test that was killed stops nothing. */
function createStop(given: AbortSignal): Stop {
  const ordered = new AbortController();
  const order = () => ordered.abort();
  // False if the channel has closed while the modules loaded; undefined if there was none.
  if (process.connected === false) order();
  process.once('disconnect', order);
  return { stopping: AbortSignal.any([given, ordered.signal]), order };
}

async function serve(command: EphemeralCommand, { stopping, order }: Stop): Promise<number> {
  const { port, controlPort, settings, json } = command;
  const config = readEphemeralConfig(settings);
  const seed = await seedOf(command);
  const logger = createErrorLogger(config.LOG_LEVEL);
  endOnUnexpectedErrors(logger);
  const { open, stop } = createLifecycle({ logger, stopMs: config.STOP_TIMEOUT_MS, stopping });
  try {
    const server = await open('server', openEphemeralServer({ config, logger, port, seed, stopping }));
    const actions = createActions(server, order);
    const control = await open('control', createControl({ port: controlPort, actions, logger }));
    const addresses = { url: server.url, control: control.url() };
    process.stdout.write(`${json ? JSON.stringify({ ...addresses, seed: server.seed }) : welcome(addresses)}\n`);
    if (!stopping.aborted) await once(stopping, 'abort');
  } catch (error) {
    await stop();
    throw error;
  }
  return (await stop()) ? 0 : 1;
}

async function seedOf({ seed }: EphemeralCommand): Promise<Seed | null> {
  if (seed === null) return null;
  return seed === true ? defaultSeed : readSeed(seed);
}

function welcome({ url, control }: { url: string; control: string }): string {
  return `Parley for tests is ready at ${url} (GraphiQL at ${url}/graphql, control at ${control}). Ctrl-C stops it and removes everything.`;
}
