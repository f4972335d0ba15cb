import { type AudiencesOptions, createAudiences } from '../../api/live/audiences.ts';

const unlimited = Number.POSITIVE_INFINITY;

/** Creates audiences without bounds, which count nothing. @param options parts that replace those */
export function createTestAudiences(options: Partial<AudiencesOptions> = {}) {
  return createAudiences({
    metrics: { executed: () => {}, delivered: () => {}, gaveUp: () => {} },
    bounds: { perClientAndSource: unlimited, perClient: unlimited, perSource: unlimited, node: unlimited },
    onRefused: () => {},
    ...options,
  });
}
