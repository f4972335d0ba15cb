import { createBridge } from '../bridge/bridge.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';
import type { Ports } from './ports.ts';

export type Bridge = ReturnType<typeof createBridge>;

/** Opens the bridge of a process. */
export async function openBridge(given: {
  config: Config;
  logger: Logger;
  open: Open;
  metrics: Metrics;
  ports: Ports;
}): Promise<Bridge> {
  const { config, logger, open, metrics, ports } = given;
  const bridge = createBridge({
    ...ports,
    metrics: metrics.bridge,
    logger,
    connections: config.DATABASE_POOL,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    setAside: config.SET_ASIDE_RECORDS,
  });
  metrics.gauge(
    'partitions_waiting',
    'Partitions whose records this bridge cannot apply now.',
    () => bridge.waiting().length,
  );
  metrics.gauge('partition_wait_seconds', 'Longest time that a partition has waited by now.', () =>
    Math.max(0, ...bridge.waiting().map(({ seconds }) => seconds)),
  );
  metrics.gauge(
    'oldest_unapplied_seconds',
    'Age of the oldest event that this bridge has read and not applied yet.',
    bridge.oldestUnappliedSeconds,
  );
  metrics.gauge(
    'bridge_signals_waiting',
    'Signals of this bridge that failed and wait to be repeated.',
    bridge.signalsWaiting,
  );
  return open('bridge', bridge);
}
