import type { Config } from '../config.ts';
import { createFeedMemory } from '../live/feed-memory.ts';
import { createFeedSource } from '../live/feed-source.ts';
import { createFeeds } from '../live/feeds.ts';
import { createHeads } from '../live/heads.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';
import type { Ports } from './ports.ts';

/** Opens live delivery: the heads that bridges publish, and the feed of each channel that somebody here follows. */
export async function openLive(given: { config: Config; open: Open; metrics: Metrics; logger: Logger; ports: Ports }) {
  const { open, metrics, logger } = given;
  const { database, pubsub } = given.ports;
  const heads = await open('heads', createHeads({ pubsub, logger }));
  const memory = createFeedMemory({
    recentBytes: given.config.MAX_NODE_RECENT_BYTES,
    onEvicted: metrics.onRecentEvicted,
  });
  const feeds = await open(
    'feeds',
    createFeeds({
      pubsub,
      heads,
      source: createFeedSource(database),
      memory,
      logger,
      onGapFilled: metrics.onGapFilled,
    }),
  );
  metrics.gauge('feeds', 'Channels that somebody here follows.', feeds.size);
  metrics.gauge('feed_lag', 'Changes that the slowest feed has heard of and not delivered yet.', feeds.lag);
  metrics.gauge('recent_entries_bytes', 'Memory of the recent entries of all feeds.', memory.recentEntries.bytes);
  metrics.gauge('feed_ahead_bytes', 'Memory of the entries that wait for earlier ones.', memory.ahead.bytes);
  return { heads, feeds };
}
