import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Domain } from '../schema/context.ts';
import { schema } from '../schema/index.ts';
import { createBridge } from './bridge/bridge.ts';
import { type Config, paths } from './config.ts';
import { createAccounts } from './domain/accounts.ts';
import { createAuth } from './domain/auth.ts';
import { createAvatars } from './domain/avatars.ts';
import { createChannelList } from './domain/channel-list.ts';
import { createChannels } from './domain/channels.ts';
import { createMatching } from './domain/matching.ts';
import { createMessages } from './domain/messages.ts';
import { createOutcomes } from './domain/outcomes.ts';
import { createPresence } from './domain/presence.ts';
import { createRate, unlimited } from './domain/rates.ts';
import { createReceipts } from './domain/receipts.ts';
import { createGateway } from './gateway/gateway.ts';
import { createPgliteDatabase } from './infra/database/pglite.ts';
import { createMemoryEventLog } from './infra/event-log/memory.ts';
import { createMemoryPubSub } from './infra/pubsub/memory.ts';
import { createMemoryState } from './infra/state/memory.ts';
import { createFeedSource } from './live/feed-source.ts';
import { createFeeds } from './live/feeds.ts';
import { createHeads } from './live/heads.ts';
import type { Logger } from './logger.ts';
import { createMetrics } from './metrics.ts';

/** Something that runs until it is stopped. */
interface Part {
  start?(): unknown;
  stop(): unknown;
}

/**
 * The whole process: opens what the configuration names, in order, and closes it in reverse.
 * @throws whatever kept a part from opening; what was open by then is closed
 */
export async function createApp(config: Config, logger: Logger) {
  const opened: Part[] = [];

  async function open<P extends Part>(part: P): Promise<P> {
    opened.push(part);
    await part.start?.();
    return part;
  }

  async function stop(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of opened.splice(0).reverse()) {
      await Promise.resolve(part.stop()).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts did not close');
  }

  try {
    const port = await openAll(config, logger, open);
    return { port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openAll(config: Config, logger: Logger, open: <P extends Part>(part: P) => Promise<P>): Promise<number> {
  const nodeId = randomUUID();
  const metrics = createMetrics();
  const database = await open(await createPgliteDatabase({ dataDir: config.DATA_DIR, migrations: paths.migrations }));
  const pubsub = await open(createMemoryPubSub({ logger }));
  const state = await open(createMemoryState());
  const log = await open(createMemoryEventLog({ logger }));
  const ports = { database, pubsub, state, log };
  await open(createBridge({ ...ports, metrics: metrics.bridge, logger }));
  const { domain, auth } = await openDomain({ config, logger, open, nodeId, metrics, ...ports });

  const gateway = createGateway({
    host: config.HOST,
    port: config.PORT,
    schema,
    domain,
    auth,
    clientDir: paths.client,
    maxConnections: config.RATE_LIMITS === 'on' ? config.MAX_CONNECTIONS : Number.POSITIVE_INFINITY,
    maxSubscriptions: config.MAX_SUBSCRIPTIONS,
    trustProxy: config.TRUST_PROXY === 'on',
    ready: { database: database.ready, pubsub: pubsub.ready, state: state.ready, log: log.ready },
    metrics: metrics.text,
    logger,
  });
  metrics.gauge('connections', 'Open WebSockets.', gateway.connections);
  await open(gateway);
  return gateway.port();
}

async function openDomain(given: {
  config: Config;
  logger: Logger;
  open: <P extends Part>(part: P) => Promise<P>;
  nodeId: string;
  metrics: ReturnType<typeof createMetrics>;
  database: Awaited<ReturnType<typeof createPgliteDatabase>>;
  pubsub: ReturnType<typeof createMemoryPubSub>;
  state: ReturnType<typeof createMemoryState>;
  log: ReturnType<typeof createMemoryEventLog>;
}) {
  const { config, logger, open, nodeId, metrics, database, pubsub, state, log } = given;
  const rateLimits = config.RATE_LIMITS === 'on';
  const secret = config.JWT_SECRET ?? (await keptSecret(`${config.DATA_DIR}/jwt-secret`));
  const auth = await open(createAuth({ database, pubsub, secret, ttlSeconds: config.TOKEN_TTL_SECONDS, logger }));
  const outcomes = { log, pubsub, database, gatewayId: nodeId, timeoutMs: config.SEND_TIMEOUT_MS, logger };
  const { submit } = await open(createOutcomes(outcomes));
  const heads = await open(createHeads({ pubsub, checkMs: 5_000, awayCheckMs: 1_000 }));
  const feeds = await open(
    createFeeds({
      pubsub,
      heads,
      source: createFeedSource(database, 500),
      graceMs: 5,
      lingerMs: 10_000,
      ringBytes: 1_048_576,
      logger,
      onGapFilled: metrics.onGapFilled,
    }),
  );
  metrics.gauge('feeds', 'Channels that somebody here follows.', feeds.size);
  const presence = await open(
    createPresence({ presence: state.presence, database, nodeId, leaseMs: config.PRESENCE_LEASE_MS, logger }),
  );
  const accounts = createAccounts({ database, auth, limits: state.limits, rateLimits, logger });
  const domain: Domain = {
    accounts,
    avatars: createAvatars({
      database,
      publicUrl: config.PUBLIC_URL ?? '',
      gravatar: config.GRAVATAR === 'on' ? { directory: `${config.DATA_DIR}/avatars`, fetch } : null,
      logger,
    }),
    channels: createChannels({
      database,
      submit,
      accounts,
      changeRate: rateLimits ? createRate({ burst: 60, perSecond: 1 }) : unlimited,
    }),
    channelList: await open(createChannelList({ database, pubsub, heads, logger })),
    limits: { messageBytes: config.MAX_MESSAGE_BYTES, replay: config.MAX_REPLAY },
    matching: createMatching({
      database,
      submit,
      state,
      pubsub,
      times: { leaseMs: config.MATCH_LEASE_MS, relaxMs: config.MATCH_RELAX_MS, absenceMs: config.MATCH_ABSENCE_MS },
      rateLimits,
      logger,
    }),
    messages: createMessages({
      database,
      submit,
      feeds,
      sendRate: rateLimits ? createRate({ burst: 200, perSecond: 50 }) : unlimited,
      maxMessageBytes: config.MAX_MESSAGE_BYTES,
      maxReplay: config.MAX_REPLAY,
    }),
    presence,
    receipts: createReceipts({ database, pubsub, logger }),
  };
  return { domain, auth };
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
