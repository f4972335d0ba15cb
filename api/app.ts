import { schema } from '../schema/index.ts';
import { createBridge } from './bridge/bridge.ts';
import { openDomain } from './compose/domain.ts';
import { makeGateway } from './compose/gateway.ts';
import { createLifecycle, type Open } from './compose/lifecycle.ts';
import { openPorts, type Ports } from './compose/ports.ts';
import type { Config } from './config.ts';
import { createHealth, type ReadyCheck } from './gateway/http/health.ts';
import { createProbes } from './gateway/http/probes.ts';
import type { RootLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';

/** Parts that replace those made from the configuration. Ports given here are started and stopped by their owner. */
export interface Overrides {
  ports?: Partial<Ports>;
}

/**
 * Opens a whole process: the ports, the bridge, the domain and the gateway that the configuration names.
 * @returns the port that it listens on, and `stop`, which closes everything in reverse order
 * @throws the error of the part that did not open; the parts before it are closed again
 */
export async function createApp(config: Config, logger: RootLogger, overrides: Overrides = {}) {
  const { open, stop } = createLifecycle();
  try {
    const port = await openAll(config, logger, open, overrides);
    return { port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openAll(config: Config, logger: RootLogger, open: Open, overrides: Overrides): Promise<number> {
  const metrics = createMetrics();
  const ports = await openPorts(config, logger, open, overrides.ports);
  const bridge = config.SERVICES.includes('bridge')
    ? await open(createBridge({ ...ports, metrics: metrics.bridge, logger }))
    : null;
  if (bridge) metrics.gauge('partitions_stopped', 'Partitions that wait for an operator.', bridge.stopped);
  const { ready, reported } = readiness(ports);
  let gatewayLogReady: ReadyCheck = async () => {};
  const logReady = async () => {
    await ready.log();
    await gatewayLogReady();
  };
  const health = createHealth({
    ready: { ...ready, log: logReady, ...(bridge && { bridge: bridge.ready }) },
    reported,
    metrics: metrics.text,
    metricsToken: config.METRICS_TOKEN ?? null,
  });
  if (!config.SERVICES.includes('gateway')) {
    const probes = await open(createProbes({ host: config.HOST, port: config.PORT, health }));
    return probes.port();
  }
  const { domain, auth, costBudget, logReady: guarded } = await openDomain({ config, logger, open, metrics, ports });
  gatewayLogReady = guarded;
  const pictureOrigin = ports.objects?.readOrigin ?? null;
  const gateway = await open(
    await makeGateway(config, { schema, domain, auth, costBudget, health, pictureOrigin, metrics, logger }),
  );
  return gateway.port();
}

/** A process is ready while every port but the object store responds: chat works without files. */
function readiness({ database, pubsub, state, log, objects }: Ports) {
  const ready = { database: database.ready, pubsub: pubsub.ready, state: state.ready, log: log.ready };
  const reported: Record<string, ReadyCheck> = objects ? { objects: objects.ready } : {};
  return { ready, reported };
}
