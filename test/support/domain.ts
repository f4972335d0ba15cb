import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDomain } from '../../api/compose/domain.ts';
import { createLifecycle } from '../../api/compose/lifecycle.ts';
import { openPorts, type Ports } from '../../api/compose/ports.ts';
import { readConfig } from '../../api/config.ts';
import type { RootLogger } from '../../api/logger.ts';
import { createMetrics } from '../../api/metrics.ts';

/**
 * Opens the domain of a gateway without the gateway itself. Ports that are not given run in this process.
 * @param options.environment settings that differ from the defaults
 */
export async function openTestDomain(options: {
  ports: Partial<Ports>;
  environment: Record<string, string>;
  logger: RootLogger;
}) {
  const directory = await mkdtemp(join(tmpdir(), 'parley-domain-'));
  const { logger } = options;
  const config = readConfig({ DATA_DIR: directory, ...options.environment });
  const lifecycle = createLifecycle({ logger, stopMs: config.STOP_TIMEOUT_MS });
  const { open } = lifecycle;
  const { signal: stopping } = new AbortController();
  const ports = await openPorts({ config, logger, open, stopping }, options.ports);
  const opened = await openDomain({ config, logger, open, metrics: createMetrics(), ports });
  const stop = async () => {
    await lifecycle.stop();
    await rm(directory, { recursive: true });
  };
  return { ...opened, stop };
}
