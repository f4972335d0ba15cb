import { createBridge } from '../../api/bridge/bridge.ts';
import { encodeEvent } from '../../api/event-records.ts';
import type { NewEvent, Outcome } from '../../api/events.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { noBridgeMetrics } from './bridge-metrics.ts';
import type { TestDatabase } from './database.ts';
import { createTestLogger } from './logger.ts';
import { createLossyPubSub } from './lossy-pubsub.ts';

/** Applies events in one batch, and returns the outcome of each. */
export type Apply = (...events: NewEvent[]) => Promise<(Outcome | undefined)[]>;

/** Creates a bridge over an empty database, and returns the function that has it apply events. */
export async function createApplier(
  database: TestDatabase,
  pubsub = createLossyPubSub(() => 'deliver'),
): Promise<Apply> {
  const logger = createTestLogger();
  const outcomes = new Map<string, Outcome>();
  await pubsub.subscribe('outcomes:gateway', (published) => {
    for (const { eventId, outcome } of published) outcomes.set(eventId, outcome);
  });
  const log = createMemoryEventLog({ logger });
  const bridge = createBridge({ log, database, pubsub, metrics: noBridgeMetrics, logger, connections: 5 });
  await bridge.assigned(0, { id: 'log', partitions: 1, bounds: null });
  let next = 0n;
  return async (...events) => {
    const records = events.map((event, n) => ({ ...encodeEvent(event), offset: next + BigInt(n) }));
    next = await bridge.handle({ partition: 0, records });
    return events.map(({ eventId }) => outcomes.get(eventId));
  };
}
