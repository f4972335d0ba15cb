import { rm } from 'node:fs/promises';
import { createApp, type Overrides } from '../../api/app.ts';
import { readConfig } from '../../api/config.ts';
import { createDataDirectory } from './data-directory.ts';
import { createTestLogger } from './logger.ts';
import { patientSettings } from './patience.ts';
import { metricsToken } from './probes.ts';

/**
 * Starts the whole server in this process, on a free port and over a directory of its own.
 * @param environment settings that differ from the defaults; rate limits are off unless it turns them on
 * @param overrides parts that replace those made from the settings
 */
export async function startApp(environment: Record<string, string> = {}, overrides: Overrides = {}) {
  const directory = await createDataDirectory();
  const logger = createTestLogger();
  const defaults = {
    HOST: '127.0.0.1',
    PORT: '0',
    DATA_DIR: directory,
    RATE_LIMITS: 'off',
    METRICS_TOKEN: metricsToken,
    ...patientSettings,
  };
  const config = readConfig({ ...defaults, ...environment });
  const app = await createApp(config, logger, overrides);
  const stop = async () => {
    await app.stop();
    await rm(directory, { recursive: true });
  };
  return { url: `http://127.0.0.1:${app.port}`, directory, logger, domain: app.domain, stop };
}
