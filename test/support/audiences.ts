import { type AudiencesOptions, createAudiences } from '../../api/live/audiences.ts';
import { createExecutionQueue } from '../../api/live/execution-queue.ts';

const unlimited = Number.POSITIVE_INFINITY;

/**
 * Creates audiences without bounds, which count nothing. No execution uses up its turn of the event loop, however slow the machine is.
 * @param options parts that replace those
 */
export function createTestAudiences(options: Partial<AudiencesOptions> = {}) {
  return createAudiences({
    metrics: { executed: () => {}, delivered: () => {}, gaveUp: () => {} },
    bounds: { perClientAndSource: unlimited, perClient: unlimited, perSource: unlimited, node: unlimited },
    onRefused: () => {},
    queue: createExecutionQueue({ now: () => 0 }),
    ...options,
  });
}
