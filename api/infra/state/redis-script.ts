import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RedisConnection } from '../redis-connection.ts';
import { StateUnavailableError } from './state.ts';

/** A Lua script, which Redis runs as one atomic operation. */
export interface Script {
  lua: string;
  sha: string;
}

/**
 * Runs a script with its arguments.
 * @throws StateUnavailableError when Redis did not run it or did not respond
 */
export type RunScript = (script: Script, args: readonly (string | number)[]) => Promise<unknown>;

/**
 * Start of every script: `key(...)` returns the name of a key, `now` is Redis's time in epoch milliseconds, `args` are the
 * arguments, and `keep(key, ms)` makes a key last at least that long. A script that Redis reaches only after its caller has
 * given up does nothing, so that a user who went away meanwhile is not paired.
 */
const prelude = `
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
if clock > tonumber(ARGV[2]) then return redis.error_reply('LATE its caller has given up') end
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

/** Returns the script with this body. */
export function defineScript(body: string): Script {
  const lua = prelude + body;
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Milliseconds for which a comparison of clocks is used. */
const comparedMs = 10_000;

/**
 * Creates the runner of scripts over one connection.
 * @param options.timeoutMs milliseconds that a caller waits
 * @param options.now epoch milliseconds in place of Redis's own clock
 * @returns a function that returns the runner for keys whose names begin with `base`
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
      throw new StateUnavailableError('Redis did not run the script', { cause });
    }
  };
}

/** Estimates Redis's time in epoch milliseconds: never behind it, and ahead by at most one round trip. */
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
    // Not awaited: the result serves the next callers.
    if (performance.now() - comparedAt > comparedMs) compare().catch(() => {});
    return performance.now() + known;
  };
}
