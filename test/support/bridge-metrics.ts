import type { BridgeMetrics } from '../../api/bridge/bridge.ts';

/** Counters of a bridge that count nothing. */
export const noBridgeMetrics: BridgeMetrics = {
  applied: () => {},
  deadLettered: () => {},
  publishFailed: () => {},
  attemptFailed: () => {},
  appliedAlone: () => {},
};
