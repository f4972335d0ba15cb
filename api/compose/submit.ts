import type { Config } from '../config.ts';
import { createLogGuard } from '../domain/log-guard.ts';
import { createSubmitEvent } from '../domain/submit-event.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';
import type { Ports } from './ports.ts';

/** Opens the way of a gateway to the event log: the guard of its appends, and the events that wait for their outcome. */
export async function openSubmit(given: {
  config: Config;
  open: Open;
  metrics: Metrics;
  ports: Ports;
  nodeId: string;
  logger: Logger;
}) {
  const { config, open, metrics, ports, nodeId, logger } = given;
  const { database, pubsub } = ports;
  const log = await open('log guard', createLogGuard({ log: ports.log, database, logger }));
  const { submit, pending, pendingBytes } = await open(
    'pending events',
    createSubmitEvent({
      log,
      pubsub,
      database,
      gatewayId: nodeId,
      timeoutMs: config.SEND_TIMEOUT_MS,
      maxPending: config.MAX_PENDING_EVENTS,
      onRefused: metrics.onRefused,
      logger,
    }),
  );
  metrics.gauge('log_refused', 'Whether this gateway appends nothing to the event log.', log.refused);
  metrics.gauge('pending_events', 'Events that wait for their outcome.', pending);
  metrics.gauge('pending_event_bytes', 'Bytes of the events that wait for their outcome.', pendingBytes);
  return { log, submit };
}
