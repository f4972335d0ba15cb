import type { Domain } from '../schema/domain.ts';
import { schema } from '../schema/index.ts';
import { type Bridge, openBridge } from './compose/bridge.ts';
import { type DomainChoices, openDomain } from './compose/domain.ts';
import { type GatewayChoices, makeGateway } from './compose/gateway.ts';
import { createLifecycle, type Open } from './compose/lifecycle.ts';
import { createOperatorSocket } from './compose/operator-socket.ts';
import { openPorts, type Ports } from './compose/ports.ts';
import type { Config } from './config.ts';
import { createHealth, type ReadyCheck } from './gateway/http/health.ts';
import { createProbes } from './gateway/http/probes.ts';
import type { OpenConnection } from './gateway/open-connection.ts';
import type { Database } from './infra/database/database.ts';
import type { RootLogger } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';

/**
 * Parts that replace those made from the configuration, and choices that no setting makes. Ports given here are started and stopped
 * by their owner.
 */
export interface Overrides extends DomainChoices, GatewayChoices {
  ports?: Partial<Ports>;
}

/**
 * Opens a whole process: the ports, the bridge, the domain and the gateway that the configuration names.
 * @param stopping asks for a stop while the process starts
 * @returns the port that it listens on; `openConnections`, which lists its WebSockets and streams; the domain, null without a
 *   gateway; and `stop`, which closes everything in reverse order and returns whether that went in order
 * @throws the error of the part that did not open, or StartInterruptedError; the parts before it are closed again
 */
export async function createApp(
  config: Config,
  logger: RootLogger,
  overrides: Overrides = {},
  stopping: AbortSignal = new AbortController().signal,
) {
  const { open, stop } = createLifecycle({ logger, stopMs: config.STOP_TIMEOUT_MS, stopping });
  try {
    const opened = await openAll({ config, logger, open, stopping }, overrides);
    return { ...opened, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openAll(
  given: { config: Config; logger: RootLogger; open: Open; stopping: AbortSignal },
  overrides: Overrides,
): Promise<{ port: number; openConnections(): OpenConnection[]; domain: Domain | null }> {
  const { config, logger, open } = given;
  const metrics = createMetrics();
  const ports = await openPorts(given, overrides.ports);
  measureDatabase(metrics, ports.database);
  if (config.DATABASE_URL === undefined && overrides.ports?.database === undefined)
    await open(
      'operator socket',
      createOperatorSocket({ directory: config.DATA_DIR, database: ports.database, logger }),
    );
  const bridge = config.SERVICES.includes('bridge') ? await openBridge({ config, logger, open, metrics, ports }) : null;
  const domain = config.SERVICES.includes('gateway')
    ? await openDomain({ ...overrides, config, logger, open, metrics, ports })
    : null;
  const health = createHealth({
    ...readiness(ports, bridge, domain?.logReady),
    metrics: metrics.text,
    metricsToken: config.METRICS_TOKEN ?? null,
  });
  if (domain === null) {
    const probes = await open('probes', createProbes({ host: config.HOST, port: config.PORT, health }));
    return { port: probes.port(), openConnections: () => [], domain: null };
  }
  const pictureOrigin = ports.objects?.readOrigin ?? null;
  const { persistedQueries } = ports.state;
  const { beforeOperation } = overrides;
  const parts = { schema, ...domain, health, pictureOrigin, persistedQueries, metrics, logger, beforeOperation };
  const gateway = await open('gateway', await makeGateway(config, parts));
  return { port: gateway.port(), openConnections: gateway.openConnections, domain: domain.domain };
}

function measureDatabase({ gauge, count }: Metrics, { load }: Database): void {
  gauge('database_connections_busy', 'Database connections that run a statement or a transaction.', () => load().busy);
  gauge('database_waiting', 'Statements that wait for a database connection.', () => load().waiting);
  gauge('database_waiting_reads', 'Statements of readers that wait for their turn.', () => load().waitingReads);
  count(
    'database_failures_total',
    'Statements that failed because the database was not available or refused them.',
    () => load().failures,
  );
}

/**
 * A process is ready while every port but the object store responds, as chat works without files, no partition of its bridge
 * waits, and its gateway may append to the log.
 */
function readiness(
  { database, pubsub, state, log, objects }: Ports,
  bridge: Bridge | null,
  mayAppend: ReadyCheck = async () => {},
) {
  const logReady = async () => {
    await log.ready();
    await mayAppend();
  };
  const ports = { database: database.ready, pubsub: pubsub.ready, state: state.ready, log: logReady };
  const ready: Record<string, ReadyCheck> = bridge ? { ...ports, bridge: bridge.ready } : ports;
  const reported: Record<string, ReadyCheck> = objects ? { objects: objects.ready } : {};
  const facts = () => {
    const waitingPartitions = bridge?.waiting() ?? [];
    return waitingPartitions.length > 0 ? { waitingPartitions } : {};
  };
  return { ready, reported, facts };
}
