import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Logger } from '../../logger.ts';
import { connectRedis, type RedisConnection } from '../redis-connection.ts';
import { createLimits } from './limits.ts';
import { createRedisPresence } from './redis-presence.ts';
import { createScriptRunner } from './redis-script.ts';
import { createRedisTickets } from './redis-tickets.ts';
import type { Limits, State } from './state.ts';

/**
 * Creates state in Redis, on its clock: one script per operation, and an expiry on every key.
 * @param options.url URL of one server, `redis://…` or `rediss://…`
 * @param options.prefix prefix of all keys; processes that share the state must have the same
 * @param options.timeoutMs milliseconds after which an attempt to connect or an operation fails
 * @param options.pingMs interval of keep-alive pings in milliseconds: a dead connection is found within `pingMs` plus `timeoutMs`
 * @param options.now returns epoch milliseconds in place of Redis's clock, for tests
 */
export function createRedisState(options: {
  url: string;
  prefix: string;
  timeoutMs?: number;
  pingMs?: number;
  now?: () => number;
  logger: Logger;
}): State {
  const { url, prefix, timeoutMs = 2_000, pingMs = 1_000, now, logger } = options;
  const connection = connectRedis({ url, timeoutMs, pingMs, logger });
  const runner = createScriptRunner({ connection, timeoutMs, now });
  return {
    tickets: createRedisTickets(runner(`${prefix}:queue`)),
    presence: createRedisPresence(runner(`${prefix}:presence`)),
    limits: createRedisLimits(connection, prefix),
    async ready() {
      await connection.firstAttempt;
      await connection.client.ping();
    },
    async stop() {
      connection.stop();
    },
  };
}

/** Creates rate limits in Redis. While it is away each process counts for itself. */
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
    async take(key, rate) {
      await firstAttempt;
      return limits.take(key, rate);
    },
  };
}
