import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Logger } from '../../logger.ts';
import { connectRedis, type RedisConnection } from '../redis-connection.ts';
import { createLimits } from './limits.ts';
import { createRedisPersistedQueries } from './redis-persisted-queries.ts';
import { createRedisPresence } from './redis-presence.ts';
import { createScriptRunner } from './redis-script.ts';
import { createRedisTickets } from './redis-tickets.ts';
import { type Limits, maxPersistedBytes, type State } from './state.ts';

/**
 * Creates the state in Redis, on its clock. Each operation is one script; every key expires.
 * @param options.url URL of one server, `redis://…` or `rediss://…`
 * @param options.prefix prefix of all keys: the same in all processes that share their state
 * @param options.timeoutMs milliseconds after which an attempt to connect, or an operation, fails
 * @param options.pingMs milliseconds between keep-alive checks: a dead connection is detected within
 *   `pingMs` and `timeoutMs`
 * @param options.persistedBytes maximum total size of the persisted queries, in bytes: in Redis, and in this process
 * @param options.now epoch milliseconds in place of Redis's clock, for tests
 */
export function createRedisState(options: {
  url: string;
  prefix: string;
  timeoutMs?: number;
  pingMs?: number;
  persistedBytes?: number;
  now?: () => number;
  logger: Logger;
}): State {
  const { url, prefix, timeoutMs = 2_000, pingMs = 1_000, now, logger } = options;
  const { persistedBytes = maxPersistedBytes } = options;
  const connection = connectRedis({ url, timeoutMs, pingMs, logger });
  const runner = createScriptRunner({ connection, timeoutMs, now });
  return {
    tickets: createRedisTickets(runner(`${prefix}:tickets`)),
    presence: createRedisPresence(runner(`${prefix}:presence`)),
    limits: createRedisLimits(connection, prefix),
    persistedQueries: createRedisPersistedQueries(runner(`${prefix}:queries`), persistedBytes),
    ready: connection.check,
    async stop() {
      connection.stop();
    },
  };
}

/** Creates the limits in Redis; while it is away, each process counts by itself. */
function createRedisLimits({ client, firstAttempt }: RedisConnection, prefix: string): Limits {
  const limits = createLimits(
    (rate) =>
      new RateLimiterRedis({
        ...rate,
        storeClient: client,
        keyPrefix: `${prefix}:limits:${rate.keyPrefix}`,
        rejectIfRedisNotReady: true,
        insuranceLimiter: new RateLimiterMemory(rate),
      }),
  );
  return {
    async take(key, rate, points) {
      await firstAttempt;
      return limits.take(key, rate, points);
    },
  };
}
