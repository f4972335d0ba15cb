import { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/** Options of a connection to a Redis server. Times are in milliseconds. */
export interface RedisOptions {
  /** `redis://…`, or `rediss://…` for TLS. */
  url: string;
  /** Time after which a command or an attempt to connect fails. */
  timeoutMs: number;
  /** Interval of keep-alive pings; a connection that does not respond is replaced. */
  pingMs: number;
  logger: Logger;
}

/** A connection that reconnects automatically. While it is lost, commands fail at once instead of queueing. */
export interface RedisConnection {
  client: Redis;
  /** Resolves when the first attempt to connect has succeeded or failed. */
  firstAttempt: Promise<void>;
  isReady(): boolean;
  /** Resolves if the server responds. Rejects with the reason why the connection was lost, or was never there. */
  check(): Promise<void>;
  /** Replaces the connection and logs the cause. */
  renew(cause: unknown): void;
  stop(): void;
}

/** Longest delay between attempts to connect. */
const maxDelayMs = 1_000;
/** A connection that ends sooner counts as a failed attempt: the delay before the next one grows. */
const stableMs = 5_000;
/** Time that a connection may take to close in order. */
const disconnectMs = 100;

/** Opens a connection and keeps it open until it is stopped. */
export function connectRedis(options: RedisOptions): RedisConnection {
  const client = createClient(options);
  const isReady = () => client.status === 'ready';
  const firstAttempt = new Promise<void>((resolve) => {
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
    firstAttempt,
    isReady,
    async check() {
      await firstAttempt;
      if (!isReady()) throw new Error('Redis is away', { cause: losses.cause() });
      await client.ping();
    },
    renew,
    stop() {
      stopped = true;
      clearInterval(timer);
      client.disconnect();
    },
  };
}

function createClient({ url, timeoutMs }: RedisOptions): Redis {
  const backoff = createBackoff();
  const client = new Redis(url, {
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    disconnectTimeout: disconnectMs,
    maxLoadingRetryTime: maxDelayMs,
    // Commands in flight at a loss may have run: only the caller knows whether to repeat them.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResubscribe: false,
    // Each of its commands would delay the failure when a server does not respond.
    disableClientInfo: true,
    retryStrategy: backoff.next,
  });
  client.on('ready', backoff.connected);
  return client;
}

/** Delays before attempts to connect, in milliseconds: growing until a connection has been stable, with jitter. */
function createBackoff() {
  let attempts = 0;
  let connectedAt = Number.POSITIVE_INFINITY;
  return {
    connected(): void {
      connectedAt = performance.now();
    },
    next(): number {
      if (performance.now() - connectedAt > stableMs) attempts = 0;
      connectedAt = Number.POSITIVE_INFINITY;
      return Math.min(50 * ++attempts, maxDelayMs) * (0.75 + Math.random() / 2);
    },
  };
}

/** Logs once that the server is away, and once that it is back. */
function reportLosses(client: Redis, logger: Logger, isStopped: () => boolean) {
  const { host, port } = client.options;
  let error: unknown;
  let isAway = false;
  const explain = (cause: unknown) => {
    error = cause;
  };
  client.on('error', explain);
  client.on('close', () => {
    if (!isAway && !isStopped()) logger.warn({ error, host, port }, 'Redis is away: reconnecting');
    isAway = true;
  });
  client.on('ready', () => {
    if (isAway) logger.info({ host, port }, 'Redis is back');
    isAway = false;
    error = undefined;
  });
  return { explain, cause: () => error };
}
