import { defineScript } from './redis-script.ts';

/*
 * Keys: `ticket:<user>` is a place in the queue, a hash of `id`, `wishes` (the ticket as JSON), `order` (lowest for the
 * longest wait), `enteredAt`, `endsAt` and `followers` (JSON: the end of each lease to follow it, by node). The sets
 * `tag:<tag>`, `open` (not strict) and `untagged` (not strict, without tags) sort users by order, except those of places that
 * are passed over; `ends` sorts all users by the end of their lease. `pair:<user>` is a pair, a hash of `id`, `wishes`,
 * `partnerId`, `partnerWishes` and `endsAt`; `paired:<ticket>` is the user of a paired ticket. `left:<ticket>` is the time until
 * which a ticket counts as given up. A value counts until the end that is written in it; its key expires a while later.
 */
const common = `
local graceMs, pairedMs, leftMs = 60000, 5000, 60000

local function read(user)
  local got = redis.call('HMGET', key('ticket', user), 'id', 'wishes', 'order', 'enteredAt', 'endsAt', 'followers')
  if not got[1] then return nil end
  local ticket = cjson.decode(got[2])
  return {
    user = user, id = got[1], json = got[2], tags = ticket.tags, strict = ticket.strict, avoid = ticket.avoid,
    order = tonumber(got[3]), enteredAt = tonumber(got[4]), endsAt = tonumber(got[5]),
    followers = cjson.decode(got[6] or '{}'),
  }
end

local function valid(one)
  return one and one.endsAt > now and one or nil
end

-- Returns the sorted sets by which a place is found.
local function indexes(one)
  local names = {}
  for _, tag in ipairs(one.tags) do names[key('tag', tag)] = true end
  if not one.strict then
    names[key('open')] = true
    if #one.tags == 0 then names[key('untagged')] = true end
  end
  return names
end

local function passOver(one)
  for name in pairs(indexes(one)) do redis.call('ZREM', name, one.user) end
end

local function remove(one)
  passOver(one)
  redis.call('ZREM', key('ends'), one.user)
  redis.call('DEL', key('ticket', one.user))
end

local function pairOf(user)
  local got = redis.call('HMGET', key('pair', user), 'id', 'wishes', 'partnerId', 'partnerWishes', 'endsAt')
  if not got[1] or tonumber(got[5]) <= now then return nil end
  return { 'paired', got[1], got[2], got[3], got[4] }
end

local function waiting(one)
  return { 'waiting', one.id, one.json, one.endsAt }
end
`;

const placing = `
-- Removes places whose lease has ended: a bounded number, because every entry does it.
local function sweep()
  for _, user in ipairs(redis.call('ZRANGEBYSCORE', key('ends'), '-inf', now, 'LIMIT', 0, 100)) do
    local one = read(user)
    if one then remove(one) else redis.call('ZREM', key('ends'), user) end
  end
end

local function save(one, lastMs)
  redis.call('HSET', key('ticket', one.user), 'id', one.id, 'wishes', one.json, 'order', one.order,
    'enteredAt', one.enteredAt, 'endsAt', one.endsAt, 'followers', cjson.encode(one.followers))
  redis.call('PEXPIRE', key('ticket', one.user), lastMs)
  for name in pairs(indexes(one)) do
    redis.call('ZADD', name, one.order, one.user)
    keep(name, lastMs)
  end
  redis.call('ZADD', key('ends'), one.endsAt, one.user)
  keep(key('ends'), lastMs)
  keep(key('order'), lastMs)
end

local function place(id, json, leaseMs, node)
  local ticket = cjson.decode(json)
  local present = read(ticket.userId)
  if present then remove(present) end
  present = valid(present)
  local one = {
    user = ticket.userId, json = json, tags = ticket.tags, strict = ticket.strict, avoid = ticket.avoid,
    id = present and present.id or id, order = present and present.order or redis.call('INCR', key('order')),
    enteredAt = present and present.enteredAt or now, endsAt = now + leaseMs,
    followers = present and present.followers or {},
  }
  if node ~= '' then one.followers[node] = one.endsAt end
  save(one, leaseMs + graceMs)
  return one
end
`;

const finding = `
local function avoids(one, other)
  for _, user in ipairs(one.avoid) do
    if user == other.user then return true end
  end
  return false
end

local function areSuitable(one, other)
  return one.user ~= other.user and not avoids(one, other) and not avoids(other, one)
end

-- Returns the first suitable place in order. The search ends at the first place for which goesOn, if given, fails.
local function firstSuitable(name, own, goesOn)
  local from, page = 0, 16
  while true do
    local users = redis.call('ZRANGE', name, from, from + page - 1)
    for _, user in ipairs(users) do
      local one = valid(read(user))
      if one then
        if goesOn and not goesOn(one) then return nil end
        if areSuitable(own, one) then return one end
      end
    end
    if #users < page then return nil end
    from, page = from + page, 128
  end
end

local function findSharing(own)
  local best = nil
  for _, tag in ipairs(own.tags) do
    local one = firstSuitable(key('tag', tag), own)
    if one and (not best or one.order < best.order) then best = one end
  end
  return best
end

local function findPartner(own, relaxMs)
  local shared = findSharing(own)
  if shared or own.strict then return shared end
  local function relaxed(one) return one.enteredAt <= now - relaxMs end
  local anyone = firstSuitable(key('open'), own, not relaxed(own) and relaxed or nil)
  if anyone or #own.tags > 0 then return anyone end
  return firstSuitable(key('untagged'), own)
end
`;

const pairing = `
local function pair(one, partner)
  remove(one)
  redis.call('HSET', key('pair', one.user), 'id', one.id, 'wishes', one.json,
    'partnerId', partner.id, 'partnerWishes', partner.json, 'endsAt', now + pairedMs)
  redis.call('PEXPIRE', key('pair', one.user), pairedMs + graceMs)
  redis.call('SET', key('paired', one.id), one.user, 'PX', pairedMs + graceMs)
end
`;

/**
 * Takes or renews a place and tries to pair. Arguments: user, id and JSON of the ticket, `leaseMs`, `relaxMs`, node or nothing.
 * Returns the state.
 */
export const enterScript = defineScript(`${common}${placing}${finding}${pairing}
local user, id, json, leaseMs, relaxMs = args[1], args[2], args[3], tonumber(args[4]), tonumber(args[5])
sweep()
if tonumber(redis.call('GET', key('left', id)) or 0) > now then return { 'left' } end
local present = pairOf(user)
if present then return present end
local own = place(id, json, leaseMs, args[6])
local other = findPartner(own, relaxMs)
if not other then return waiting(own) end
pair(own, other)
pair(other, own)
return pairOf(user)
`);

/** Ends a node's leases to follow places. Arguments: node, `returnMs`, users. */
export const unfollowScript = defineScript(`${common}
local node, returnMs = args[1], tonumber(args[2])
local function isFollowed(one)
  for _, endsAt in pairs(one.followers) do
    if endsAt > now then return true end
  end
  return false
end
for i = 3, #args do
  local one = valid(read(args[i]))
  if one then
    one.followers[node] = nil
    redis.call('HSET', key('ticket', one.user), 'followers', cjson.encode(one.followers))
    if not isFollowed(one) then
      passOver(one)
      local endsAt = math.min(one.endsAt, now + returnMs)
      redis.call('HSET', key('ticket', one.user), 'endsAt', endsAt)
      redis.call('ZADD', key('ends'), endsAt, one.user)
    end
  end
end
return 0
`);

/** Finds the places or pairs of users. Arguments: users. Returns a state for each, or an empty list. */
export const findScript = defineScript(`${common}
local found = {}
for i, user in ipairs(args) do
  local one = valid(read(user))
  found[i] = pairOf(user) or (one and waiting(one)) or {}
end
return found
`);

/** Gives up a user's place. Arguments: user. Returns the state of the place, or nil. */
export const leaveScript = defineScript(`${common}
local present = read(args[1])
if present then remove(present) end
local one = valid(present)
if not one then return false end
redis.call('SET', key('left', one.id), now + leftMs, 'PX', leftMs + graceMs)
return waiting(one)
`);

/** Forgets pairs. Arguments: ids of their tickets. */
export const acknowledgeScript = defineScript(`${common}
for _, id in ipairs(args) do
  local user = redis.call('GET', key('paired', id))
  if user and redis.call('HGET', key('pair', user), 'id') == id then redis.call('DEL', key('pair', user)) end
  redis.call('DEL', key('paired', id))
end
return 0
`);
