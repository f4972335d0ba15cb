import type { Config } from '../config.ts';
import type { Blocks } from '../domain/blocks.ts';
import type { LogGuard } from '../domain/log-guard.ts';
import { createLiveUpdates } from '../domain/updates/live-updates.ts';
import { createUpdates } from '../domain/updates/updates.ts';
import type { ChannelSignals } from '../live/channel-signals.ts';
import type { Feeds } from '../live/feeds.ts';
import type { UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';
import type { Ports } from './ports.ts';

/** Opens the reads and the live streams of everything that concerns a user. */
export async function openUpdates(given: {
  config: Config;
  open: Open;
  metrics: Metrics;
  ports: Ports;
  guard: LogGuard;
  channels: ChannelSignals;
  userSignals: UserSignals;
  feeds: Feeds;
  blocks: Blocks;
  logger: Logger;
}) {
  const { config, metrics, ports } = given;
  const { database, state } = ports;
  const updates = createUpdates({
    database,
    tickets: state.tickets,
    logName: ports.log.name,
    guard: given.guard,
    maxReplay: config.MAX_REPLAY,
    cursorDays: config.CURSOR_DAYS,
  });
  const streams = createLiveUpdates({ ...given, database, backlog: updates, caughtUpMs: config.CAUGHT_UP_MS });
  const liveUpdates = await given.open('streams of updates', streams);
  metrics.gauge('update_streams', 'Subscriptions `updates` that are live.', liveUpdates.size);
  metrics.gauge('update_channels', 'Channels that subscriptions `updates` follow.', liveUpdates.channels);
  metrics.gauge(
    'update_channels_awake',
    'Channels that subscriptions `updates` follow and whose messages they receive at the moment.',
    liveUpdates.awake,
  );
  return { updates, liveUpdates };
}
