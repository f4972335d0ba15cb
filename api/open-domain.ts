import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Domain } from '../schema/domain.ts';
import type { Config } from './config.ts';
import { createAccounts } from './domain/accounts.ts';
import { createAuth } from './domain/auth.ts';
import { createAvatars } from './domain/avatars.ts';
import { createBlocks } from './domain/blocks.ts';
import { createChannelList } from './domain/channel-list.ts';
import { createChannels } from './domain/channels.ts';
import { createFileUrls } from './domain/file-urls.ts';
import { createHistory } from './domain/history.ts';
import { createMatching } from './domain/matching.ts';
import { createMessages } from './domain/messages.ts';
import { createModeration } from './domain/moderation.ts';
import { createPresence } from './domain/presence.ts';
import { createRateLimit, unlimited } from './domain/rate-limits.ts';
import { createReceipts } from './domain/receipts.ts';
import { createSubmitEvent } from './domain/submit-event.ts';
import { createUploadCleanup } from './domain/upload-cleanup.ts';
import { createUploads } from './domain/uploads.ts';
import { createUserCache } from './domain/user-cache.ts';
import type { Database } from './infra/database/database.ts';
import type { EventLog } from './infra/event-log/event-log.ts';
import type { Objects } from './infra/objects/objects.ts';
import type { PubSub } from './infra/pubsub/pubsub.ts';
import type { State } from './infra/state/state.ts';
import { createFeedSource } from './live/feed-source.ts';
import { createFeeds } from './live/feeds.ts';
import { createHeads } from './live/heads.ts';
import type { Logger } from './logger.ts';
import type { createMetrics } from './metrics.ts';

/** What is outside of the domain. */
export interface Ports {
  database: Database;
  pubsub: PubSub;
  state: State;
  log: EventLog;
  /** Where files are; a process without a gateway needs none. */
  objects: Objects | null;
}

/** Files of one message. */
const maxAttachments = 10;
const dayMs = 86_400_000;

/** Something that runs until it is stopped. */
export interface Part {
  start?(): unknown;
  stop(): unknown;
}

/** Starts a part; it is stopped with the process. */
export type Open = <P extends Part>(part: P) => Promise<P>;

/** Puts the domain of a gateway together, and starts what of it runs. */
export async function openDomain(given: {
  config: Config;
  logger: Logger;
  open: Open;
  metrics: ReturnType<typeof createMetrics>;
  ports: Ports;
}) {
  const { config, logger, open, metrics } = given;
  const { database, pubsub, state, log } = given.ports;
  const nodeId = randomUUID();
  const rateLimits = config.RATE_LIMITS === 'on';
  const secret = config.JWT_SECRET ?? (await keptSecret(`${config.DATA_DIR}/jwt-secret`));
  const auth = await open(createAuth({ database, pubsub, secret, ttlSeconds: config.TOKEN_TTL_SECONDS, logger }));
  const outcomes = { log, pubsub, database, gatewayId: nodeId, timeoutMs: config.SEND_TIMEOUT_MS, logger };
  const { submit } = await open(createSubmitEvent(outcomes));
  const heads = await open(createHeads({ pubsub, checkMs: 5_000, awayCheckMs: 1_000, logger }));
  const feeds = await open(
    createFeeds({
      pubsub,
      heads,
      source: createFeedSource(database),
      graceMs: 5,
      lingerMs: 10_000,
      ringBytes: 1_048_576,
      logger,
      onGapFilled: metrics.onGapFilled,
    }),
  );
  metrics.gauge('feeds', 'Channels that somebody here follows.', feeds.size);
  metrics.gauge(
    'feed_lag',
    'The most changes that one channel has had and that are not delivered here yet.',
    feeds.lag,
  );
  const presence = await open(
    createPresence({ presence: state.presence, database, nodeId, leaseMs: config.PRESENCE_LEASE_MS, logger }),
  );
  const channelList = await open(createChannelList({ database, pubsub, heads, logger }));
  metrics.gauge('channel_lists', 'Users whose list of channels somebody here follows.', channelList.size);
  const blocks = await open(createBlocks({ database, pubsub, logger }));
  const changeRate = () => (rateLimits ? createRateLimit({ burst: 60, perSecond: 1 }) : unlimited);
  const moderation = createModeration({ database, blocks, changeRate: changeRate() });
  const userCache = await open(createUserCache({ database, pubsub, logger }));
  const files = required(given.ports.objects);
  const uploads = createUploads({
    database,
    objects: files,
    limits: state.limits,
    standing: createHistory({ database, maxReplay: config.MAX_REPLAY }).standing,
    urls: createFileUrls({ secret, publicUrl: config.PUBLIC_URL ?? '' }),
    bounds: {
      file: config.MAX_UPLOAD_BYTES,
      user: config.MAX_USER_FILES_BYTES,
      channel: config.MAX_CHANNEL_FILES_BYTES,
    },
    attachableMs: dayMs / 2,
    rateLimits,
    logger,
  });
  await open(createUploadCleanup({ database, objects: files, graceMs: dayMs, logger }));
  const { ownPicture, thumbnail } = uploads;
  const accounts = createAccounts({ database, auth, userCache, ownPicture, limits: state.limits, rateLimits, logger });
  const domain: Domain = {
    accounts,
    avatars: createAvatars({
      database,
      publicUrl: config.PUBLIC_URL ?? '',
      thumbnail,
      gravatar: config.GRAVATAR === 'on' ? { directory: `${config.DATA_DIR}/avatars`, fetch } : null,
      logger,
    }),
    channels: createChannels({
      database,
      submit,
      accounts,
      changeRate: changeRate(),
    }),
    channelList,
    limits: {
      messageBytes: config.MAX_MESSAGE_BYTES,
      uploadBytes: config.MAX_UPLOAD_BYTES,
      attachments: maxAttachments,
      replay: config.MAX_REPLAY,
    },
    matching: createMatching({
      database,
      submit,
      state,
      pubsub,
      moderation,
      times: { leaseMs: config.MATCH_LEASE_MS, relaxMs: config.MATCH_RELAX_MS, absenceMs: config.MATCH_ABSENCE_MS },
      rateLimits,
      logger,
    }),
    messages: createMessages({
      database,
      submit,
      feeds,
      blocks,
      toAttach: uploads.toAttach,
      maxAttachments,
      sendRate: rateLimits ? createRateLimit({ burst: 200, perSecond: 50 }) : unlimited,
      maxMessageBytes: config.MAX_MESSAGE_BYTES,
      maxReplay: config.MAX_REPLAY,
    }),
    moderation,
    presence,
    receipts: createReceipts({ database, pubsub, logger }),
    uploads,
  };
  return { domain, auth };
}

function required<Value>(value: Value | null): Value {
  if (value === null) throw new Error('a gateway was opened without a store of files');
  return value;
}

/** The secret that tokens are signed with on a laptop: made once, and kept beside the data. */
async function keptSecret(path: string): Promise<string> {
  const kept = await readFile(path, 'utf8').catch(() => '');
  if (kept !== '') return kept;
  const secret = randomBytes(48).toString('base64url');
  await writeFile(`${path}.new`, secret, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secret;
}
