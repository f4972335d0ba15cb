import { defineScript, type RunScript } from './redis-script.ts';
import type { Presence } from './state.ts';

/** Maximum number of users in one script: while a script runs, Redis does nothing else. */
const batch = 500;

/*
 * Keys: `leases:<user>` sorts nodes by the end of their lease, `ends` sorts all leases by their end, `away:<user>` is the
 * time since which the user has been away. All expire after a day; leases end long before that, by renewals of any node.
 */
const presence = `
local memoryMs = 86400000

local function leases(user) return key('leases', user) end
local function entry(user, node) return user .. '\\n' .. node end
local function isOnline(user) return redis.call('ZCOUNT', leases(user), '(' .. now, '+inf') > 0 end

local function goOffline(user)
  for _, node in ipairs(redis.call('ZRANGE', leases(user), 0, -1)) do
    redis.call('ZREM', key('ends'), entry(user, node))
  end
  redis.call('DEL', leases(user))
  redis.call('SET', key('away', user), now, 'PX', memoryMs)
end
`;

/** Renews leases. Arguments: node, `leaseMs`, users. Returns the users that came online. */
const renewScript = defineScript(`${presence}
local node, leaseMs, online = args[1], args[2], {}
for i = 3, #args do
  local user = args[i]
  if not isOnline(user) then table.insert(online, user) end
  redis.call('ZADD', leases(user), now + leaseMs, node)
  redis.call('ZADD', key('ends'), now + leaseMs, entry(user, node))
  keep(leases(user), memoryMs)
  redis.call('DEL', key('away', user))
end
keep(key('ends'), memoryMs)
return online
`);

/** Ends expired leases. Arguments: maximum number to end. Returns their number, then the users without a lease. */
const expireScript = defineScript(`${presence}
local ended = redis.call('ZRANGEBYSCORE', key('ends'), '-inf', now, 'LIMIT', 0, args[1])
local result = { #ended }
for _, one in ipairs(ended) do
  local user, node = one:match('^(.*)\\n(.*)$')
  redis.call('ZREM', key('ends'), one)
  if redis.call('ZREM', leases(user), node) == 1 and redis.call('ZCARD', leases(user)) == 0 then
    goOffline(user)
    table.insert(result, user)
  end
end
return result
`);

/** Ends leases. Arguments: node, users. Returns the users without another lease. */
const endScript = defineScript(`${presence}
local node, offline = args[1], {}
for i = 2, #args do
  local user = args[i]
  local isKnown = redis.call('EXISTS', leases(user)) == 1
  if isKnown then
    redis.call('ZREM', key('ends'), entry(user, node))
    redis.call('ZREM', leases(user), node)
  end
  if not isOnline(user) then
    if isKnown then goOffline(user) end
    table.insert(offline, user)
  end
end
return offline
`);

/** Arguments: users. Returns the online users among them. */
const onlineScript = defineScript(`${presence}
local online = {}
for _, user in ipairs(args) do
  if isOnline(user) then table.insert(online, user) end
end
return online
`);

/** Arguments: users. Returns the milliseconds for which each has been away. */
const awayScript = defineScript(`${presence}
local result = {}
for i, user in ipairs(args) do
  result[i] = 0
  if not isOnline(user) then
    redis.call('SET', key('away', user), now, 'PX', memoryMs, 'NX')
    result[i] = math.max(1, now - redis.call('GET', key('away', user)))
  end
end
return result
`);

/** Starts an absence again. Arguments: user. */
const seenScript = defineScript(`${presence}
if not isOnline(args[1]) then redis.call('SET', key('away', args[1]), now, 'PX', memoryMs) end
return 0
`);

/** Creates the presence leases in Redis. */
export function createRedisPresence(run: RunScript): Presence {
  async function inBatches<T>(userIds: readonly string[], work: (batch: readonly string[]) => Promise<T[]>) {
    const starts = Array.from({ length: Math.ceil(userIds.length / batch) }, (_, n) => n * batch);
    return (await Promise.all(starts.map((start) => work(userIds.slice(start, start + batch))))).flat();
  }

  async function expire(): Promise<string[]> {
    const offline: string[] = [];
    for (let ended = batch; ended === batch; ) {
      const [count, ...userIds] = (await run(expireScript, [batch])) as [number, ...string[]];
      offline.push(...userIds);
      ended = count;
    }
    return offline;
  }

  const readOnline = (userIds: readonly string[]) => run(onlineScript, userIds) as Promise<string[]>;
  return {
    async renew(nodeId, userIds, leaseMs) {
      const renewBatch = (some: readonly string[]) => run(renewScript, [nodeId, leaseMs, ...some]) as Promise<string[]>;
      const online = await inBatches(userIds, renewBatch);
      return { online, offline: await expire() };
    },
    async end(nodeId, userIds) {
      return inBatches(userIds, (some) => run(endScript, [nodeId, ...some]) as Promise<string[]>);
    },
    async online(userIds) {
      return new Set(await inBatches(userIds, readOnline));
    },
    async seen(userId) {
      await run(seenScript, [userId]);
    },
    async away(userIds) {
      const times = await inBatches(userIds, (some) => run(awayScript, some) as Promise<number[]>);
      return new Map(userIds.map((userId, n) => [userId, times[n] ?? 0]));
    },
  };
}
