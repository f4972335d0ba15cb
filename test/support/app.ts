import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../api/app.ts';
import { readConfig } from '../../api/config.ts';
import { createTestLogger } from './logger.ts';

/**
 * The whole server, on a free port over a directory of its own.
 * @param environment settings that differ from the defaults; rates are not limited unless it says so
 */
export async function startApp(environment: Record<string, string> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'parley-'));
  const logger = createTestLogger();
  const config = readConfig({ HOST: '127.0.0.1', PORT: '0', DATA_DIR: directory, RATE_LIMITS: 'off', ...environment });
  const app = await createApp(config, logger);
  const stop = async () => {
    await app.stop();
    await rm(directory, { recursive: true });
  };
  return { url: `http://127.0.0.1:${app.port}`, directory, logger, stop };
}
