import { createByteCounter } from './byte-counter.ts';
import { createReadCache } from './read-cache.ts';
import { createRecentBudget } from './recent-budget.ts';

/** Default of `MAX_NODE_RECENT_BYTES`, in bytes. */
const defaultRecentBytes = 134_217_728;
/** Maximum memory of the entries that the feeds of a node keep beyond their gaps, in bytes. */
const aheadBytes = 33_554_432;

/**
 * Creates the memory that the feeds of a node share: each kind has one bound, however many feeds there are.
 * @param options.recentBytes maximum memory of the recent entries of all feeds, in bytes
 * @param options.onEvicted counts recent entries that were dropped because of it
 */
export function createFeedMemory({ recentBytes = defaultRecentBytes, onEvicted = () => {} } = {}) {
  return {
    recentEntries: createRecentBudget(recentBytes, onEvicted),
    reads: createReadCache(),
    ahead: createByteCounter(aheadBytes),
  };
}

/** See `createFeedMemory`. */
export type FeedMemory = ReturnType<typeof createFeedMemory>;
