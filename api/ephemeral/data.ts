import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { createLifecycle } from '../compose/lifecycle.ts';
import { openMemoryDatabase, openMemoryPorts, type Ports } from '../compose/ports.ts';
import { type Config, paths } from '../config.ts';
import type { Logger } from '../logger.ts';
import { codeOf } from '../start-errors.ts';
import { createOwnSignals } from './own-signal.ts';

/** Ports in memory whose data can be restored. */
export interface EphemeralData {
  /** The present ports. */
  ports(): Ports;
  /** Keeps the present data for `restore`. It is called once. */
  keep(): Promise<void>;
  /** Restores the data that was kept, and replaces the ports. No app may be using them. */
  restore(): Promise<void>;
  /** @returns whether everything has stopped in order */
  stop(): Promise<boolean>;
}

/** Opens an empty database and the other ports in memory. @param stopping asks for a stop while they open */
export async function openData(config: Config, logger: Logger, stopping: AbortSignal): Promise<EphemeralData> {
  const partsOf = (signal: AbortSignal) =>
    createLifecycle({ logger, stopMs: config.STOP_TIMEOUT_MS, stopping: signal });
  const stoppingOfOthers = createOwnSignals(stopping);
  const { open, stop } = partsOf(stopping);
  const database = await openMemoryDatabase({ config, open }, await readImage()).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  let files = new Map();
  let kept = files;
  let others = await openOthers();

  return {
    ports: () => ({ database, ...others.ports }),
    async keep() {
      await database.keep();
      kept = new Map(files);
    },
    async restore() {
      await others.stop();
      await database.restore();
      files = new Map(kept);
      others = await openOthers();
    },
    async stop() {
      const results = [await others.stop(), await stop()];
      return results.every(Boolean);
    },
  };

  async function openOthers() {
    const lifecycle = partsOf(stoppingOfOthers());
    return { ports: await openMemoryPorts({ logger, open: lifecycle.open }, files), stop: lifecycle.stop };
  }
}

/** Returns the image of an empty database that the build has made; undefined without a build, when the database is created. */
async function readImage(): Promise<Uint8Array | undefined> {
  if (paths.databaseImage === null) return undefined;
  try {
    return await promisify(gunzip)(await readFile(paths.databaseImage));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
