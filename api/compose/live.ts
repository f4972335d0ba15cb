import type { Config } from '../config.ts';
import { createChannelSignals } from '../live/channel-signals.ts';
import { createFeedMemory } from '../live/feed-memory.ts';
import { createFeedSource } from '../live/feed-source.ts';
import { createFeeds } from '../live/feeds.ts';
import { createUserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';
import type { Ports } from './ports.ts';

/** Opens live delivery: the channels and users that somebody here follows, and the feeds of channels. */
export async function openLive(given: { config: Config; open: Open; metrics: Metrics; logger: Logger; ports: Ports }) {
  const { open, metrics, logger } = given;
  const { database, pubsub } = given.ports;
  const source = createFeedSource(database);
  const userSignals = await open('user signals', createUserSignals({ pubsub, logger }));
  const channels = await open('channel signals', createChannelSignals({ pubsub, source, logger }));
  const memory = createFeedMemory({
    recentBytes: given.config.MAX_NODE_RECENT_BYTES,
    onEvicted: metrics.onRecentEvicted,
  });
  const feeds = await open(
    'feeds',
    createFeeds({
      channels,
      source,
      memory,
      logger,
      onGapFilled: metrics.onGapFilled,
    }),
  );
  metrics.gauge('channels_followed', 'Channels whose signals this gateway receives.', channels.size);
  metrics.gauge('users_followed', 'Users whose signals this gateway receives.', userSignals.size);
  metrics.gauge('feeds', 'Channels whose entries somebody here receives.', feeds.size);
  metrics.gauge('feed_lag', 'Changes that the slowest feed has heard of and not delivered yet.', feeds.lag);
  metrics.gauge('recent_entries_bytes', 'Memory of the recent entries of all feeds.', memory.recentEntries.bytes);
  metrics.gauge('feed_ahead_bytes', 'Memory of the entries that wait for earlier ones.', memory.ahead.bytes);
  return { channels, userSignals, feeds };
}
