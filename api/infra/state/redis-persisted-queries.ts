import { createMemoryPersistedQueries } from './memory-persisted-queries.ts';
import { defineScript, type RunScript } from './redis-script.ts';
import type { PersistedQueries } from './state.ts';

/*
 * Keys: `texts` has the texts by hash, `used` sorts the hashes by the time of their last use, `bytes` is the size of all texts.
 * They expire together, a week after the last use of any; if Redis has evicted one of them, the others are deleted.
 */
const queries = `
local texts, used, bytes = key('texts'), key('used'), key('bytes')
local keepMs = 604800000
local function keepAll()
  for _, name in ipairs({ texts, used, bytes }) do keep(name, keepMs) end
end
`;

/** Finds a text. Arguments: hash. Returns the text, or nothing. */
const findScript = defineScript(`${queries}
local text = redis.call('HGET', texts, args[1])
if text then
  redis.call('ZADD', used, now, args[1])
  keepAll()
end
return text
`);

/** Adds a text. Arguments: hash, text, maximum size of all texts in bytes. */
const addScript = defineScript(`${queries}
local hash, text, max = args[1], args[2], tonumber(args[3])
if #text > max then return end
if redis.call('EXISTS', texts, used, bytes) < 3 then redis.call('DEL', texts, used, bytes) end
if redis.call('HSETNX', texts, hash, text) == 1 then redis.call('INCRBY', bytes, #text) end
redis.call('ZADD', used, now, hash)
while tonumber(redis.call('GET', bytes)) > max do
  local oldest = redis.call('ZPOPMIN', used)[1]
  if not oldest then return redis.call('DEL', texts, bytes) end
  redis.call('DECRBY', bytes, redis.call('HSTRLEN', texts, oldest))
  redis.call('HDEL', texts, oldest)
end
keepAll()
`);

/**
 * Creates the persisted queries in Redis. This process remembers those that it has used: a text never changes under its hash.
 * @param maxBytes maximum total size of the texts, in Redis and in this process
 */
export function createRedisPersistedQueries(run: RunScript, maxBytes: number): PersistedQueries {
  const own = createMemoryPersistedQueries(maxBytes);
  return {
    async find(hash) {
      const known = await own.find(hash);
      if (known !== null) return known;
      const text = await run(findScript, [hash]);
      if (typeof text !== 'string') return null;
      await own.add(hash, text);
      return text;
    },
    async add(hash, text) {
      await own.add(hash, text);
      await run(addScript, [hash, text, maxBytes]);
    },
  };
}
