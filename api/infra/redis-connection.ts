import { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/** How a Redis server is reached. Times are in milliseconds. */
export interface RedisOptions {
  /** `redis://…`, or `rediss://…` for TLS. */
  url: string;
  /** After which a command without an answer has failed. */
  timeoutMs: number;
  /** How often the connection is asked for a sign of life; one that gives none is replaced. */
  pingMs: number;
  logger: Logger;
}

/** One connection, which comes back by itself. Commands fail at once while it is lost: none waits for its return. */
export interface RedisConnection {
  client: Redis;
  /** Resolves when the first attempt to connect has succeeded or failed. */
  tried: Promise<void>;
  isReady(): boolean;
  /** Replaces the connection, and reports why. */
  renew(cause: unknown): void;
  stop(): void;
}

const longestPauseMs = 1_000;
/** A connection that lasted less was of no use: the pause before the next one grows. */
const usefulMs = 5_000;
/** How long a connection that is given up may take to say goodbye. */
const farewellMs = 100;

/** Opens a connection and keeps it open until it is stopped. */
export function connectRedis(options: RedisOptions): RedisConnection {
  const client = createClient(options);
  const isReady = () => client.status === 'ready';
  const tried = new Promise<void>((resolve) => {
    for (const event of ['ready', 'close', 'end']) client.once(event, () => resolve());
  });
  let stopped = false;
  const losses = reportLosses(client, options.logger, () => stopped);

  function renew(cause: unknown): void {
    if (!isReady() || stopped) return;
    losses.explain(cause);
    client.disconnect(true);
  }

  let isPinging = false;
  async function ping(): Promise<void> {
    if (!isReady() || isPinging) return;
    isPinging = true;
    await client.ping().catch(renew);
    isPinging = false;
  }

  const timer = setInterval(() => void ping(), options.pingMs);
  return {
    client,
    tried,
    isReady,
    renew,
    stop() {
      stopped = true;
      clearInterval(timer);
      client.disconnect();
    },
  };
}

function createClient({ url, timeoutMs }: RedisOptions): Redis {
  const pauses = createPauses();
  const client = new Redis(url, {
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    disconnectTimeout: farewellMs,
    maxLoadingRetryTime: longestPauseMs,
    // What was sent before a loss may have happened: it is the caller who knows whether to repeat it.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResubscribe: false,
    // Each of its commands would lengthen the attempt to reach a server that does not answer.
    disableClientInfo: true,
    retryStrategy: pauses.next,
  });
  client.on('ready', pauses.connected);
  return client;
}

/** How long to wait before each attempt to connect, in milliseconds: longer each time until a connection has lasted. */
function createPauses() {
  let attempts = 0;
  let connectedAt = Number.POSITIVE_INFINITY;
  return {
    connected(): void {
      connectedAt = performance.now();
    },
    next(): number {
      if (performance.now() - connectedAt > usefulMs) attempts = 0;
      connectedAt = Number.POSITIVE_INFINITY;
      return Math.min(50 * ++attempts, longestPauseMs) * (0.75 + Math.random() / 2);
    },
  };
}

/** Says once that the server is away, and once that it is back. */
function reportLosses(client: Redis, logger: Logger, isStopped: () => boolean) {
  const { host, port } = client.options;
  let error: unknown;
  let isAway = false;
  const explain = (cause: unknown) => {
    error = cause;
  };
  client.on('error', explain);
  client.on('close', () => {
    if (!isAway && !isStopped()) logger.warn({ error, host, port }, 'Redis is away: trying until it answers');
    isAway = true;
  });
  client.on('ready', () => {
    if (isAway) logger.info({ host, port }, 'Redis is back');
    isAway = false;
    error = undefined;
  });
  return { explain };
}
