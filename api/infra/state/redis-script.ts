import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RedisConnection } from '../redis-connection.ts';
import { StateUnavailableError } from './state.ts';

/** A Lua script, which Redis runs as one atomic operation, and the SHA-1 by which Redis caches it. */
export interface Script {
  lua: string;
  sha: string;
}

/**
 * Runs a script with arguments.
 * @throws StateUnavailableError if Redis did not run it, or did not respond in time
 */
export type RunScript = (script: Script, args: readonly (string | number)[]) => Promise<unknown>;

/**
 * Beginning of every script: `key(...)` builds a key, `now` is Redis's time in epoch milliseconds, `args` are the arguments, and
 * `keep(key, ms)` makes a key last at least that long. A script that runs only after its caller has given up does nothing, so
 * that nobody is paired who has left.
 */
const prelude = `
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
if clock > tonumber(ARGV[2]) then return redis.error_reply('LATE the caller has given up') end
local now = tonumber(ARGV[1]) or clock

local args = {}
for i = 3, #ARGV do args[i - 2] = ARGV[i] end

local function key(...)
  return KEYS[1] .. ':' .. table.concat({ ... }, ':')
end

local function keep(name, ms)
  if redis.call('PTTL', name) < ms then redis.call('PEXPIRE', name, ms) end
end
`;

/** Defines a script: the prelude, followed by a body. */
export function defineScript(body: string): Script {
  const lua = prelude + body;
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Milliseconds for which a comparison of clocks is used. */
const comparedMs = 10_000;

/**
 * Creates a runner of scripts over one connection.
 * @param options.timeoutMs milliseconds for which a caller waits
 * @param options.now returns epoch milliseconds in place of Redis's clock
 * @returns takes the prefix of the keys, and returns the function that runs scripts on them
 */
export function createScriptRunner(options: {
  connection: RedisConnection;
  timeoutMs: number;
  now: (() => number) | undefined;
}): (base: string) => RunScript {
  const { connection, timeoutMs, now } = options;
  const { client } = connection;
  const redisNow = createRemoteClock(client);

  async function evaluate(base: string, { lua, sha }: Script, args: readonly (string | number)[]): Promise<unknown> {
    const deadline = Math.ceil((await redisNow()) + timeoutMs);
    const given = [1, base, now?.() ?? '', deadline, ...args] as const;
    try {
      return await client.evalsha(sha, ...given);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return client.eval(lua, ...given);
      throw error;
    }
  }

  return (base) => async (script, args) => {
    await connection.firstAttempt;
    if (!connection.isReady()) throw new StateUnavailableError('Redis is away');
    try {
      return await evaluate(base, script, args);
    } catch (cause) {
      throw new StateUnavailableError('Redis did not complete a script', { cause });
    }
  };
}

/** Returns a clock that estimates Redis's time in epoch milliseconds: never behind, and ahead by at most one response time. */
function createRemoteClock(client: Redis): () => Promise<number> {
  let ahead: number | undefined;
  let comparedAt = 0;
  client.on('close', () => {
    ahead = undefined;
  });

  async function compare(): Promise<number> {
    comparedAt = performance.now();
    const sentAt = comparedAt;
    const [seconds, micros] = await client.time();
    ahead = Number(seconds) * 1_000 + Number(micros) / 1_000 - sentAt;
    return ahead;
  }

  return async () => {
    const known = ahead ?? (await compare());
    // Callers after this one use the result.
    if (performance.now() - comparedAt > comparedMs) compare().catch(() => {});
    return performance.now() + known;
  };
}
