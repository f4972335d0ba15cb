import { defineScript } from './redis-script.ts';

/**
 * Keys:
 * - `ticket:<user>`: a place in the queue, a hash of `id`, `preferences` (the ticket as JSON), `order` (the lowest has waited
 *   longest), `enteredAt` and `endsAt`;
 * - `tag:<tag>`: users with a tag, and `open` and `untagged`: users who are not strict, all and those without tags; sorted by order;
 * - `ends`: all places, sorted by the end of their lease;
 * - `pair:<user>`: a pair, a hash of `id`, `preferences`, `partnerId`, `partnerPreferences` and `endsAt`;
 * - `paired:<ticket>`: the user of a paired ticket;
 * - `left:<ticket>`: the time until which a given-up ticket is remembered.
 *
 * The end stored in each value is decisive; keys expire some time after it.
 */
const common = `
local graceMs, pairedMs, leftMs = 60000, 5000, 60000

local function read(user)
  local got = redis.call('HMGET', key('ticket', user), 'id', 'preferences', 'order', 'enteredAt', 'endsAt')
  if not got[1] then return nil end
  local preferences = cjson.decode(got[2])
  return {
    user = user, id = got[1], json = got[2], tags = preferences.tags, strict = preferences.strict, avoid = preferences.avoid,
    order = tonumber(got[3]), enteredAt = tonumber(got[4]), endsAt = tonumber(got[5]),
  }
end

local function valid(one)
  return one and one.endsAt > now and one or nil
end

-- Names of the sorted sets that contain a place.
local function indexes(one)
  local names = {}
  for _, tag in ipairs(one.tags) do names[key('tag', tag)] = true end
  if not one.strict then
    names[key('open')] = true
    if #one.tags == 0 then names[key('untagged')] = true end
  end
  return names
end

local function remove(one)
  for name in pairs(indexes(one)) do redis.call('ZREM', name, one.user) end
  redis.call('ZREM', key('ends'), one.user)
  redis.call('DEL', key('ticket', one.user))
end

local function pairing(user)
  local got = redis.call('HMGET', key('pair', user), 'id', 'preferences', 'partnerId', 'partnerPreferences', 'endsAt')
  if not got[1] or tonumber(got[5]) <= now then return nil end
  return { 'paired', got[1], got[2], got[3], got[4] }
end

local function waiting(one)
  return { 'waiting', one.id, one.json, one.endsAt }
end
`;

const placing = `
-- Removes places whose lease has ended: a bounded number, since every entry into the queue does it.
local function sweep()
  for _, user in ipairs(redis.call('ZRANGEBYSCORE', key('ends'), '-inf', now, 'LIMIT', 0, 100)) do
    local one = read(user)
    if one then remove(one) else redis.call('ZREM', key('ends'), user) end
  end
end

local function save(one, lastMs)
  redis.call('HSET', key('ticket', one.user), 'id', one.id, 'preferences', one.json, 'order', one.order,
    'enteredAt', one.enteredAt, 'endsAt', one.endsAt)
  redis.call('PEXPIRE', key('ticket', one.user), lastMs)
  for name in pairs(indexes(one)) do
    redis.call('ZADD', name, one.order, one.user)
    keep(name, lastMs)
  end
  redis.call('ZADD', key('ends'), one.endsAt, one.user)
  keep(key('ends'), lastMs)
  keep(key('order'), lastMs)
end

local function place(id, json, leaseMs)
  local preferences = cjson.decode(json)
  local present = read(preferences.userId)
  if present then remove(present) end
  present = valid(present)
  local one = {
    user = preferences.userId, json = json, tags = preferences.tags, strict = preferences.strict, avoid = preferences.avoid,
    id = present and present.id or id, order = present and present.order or redis.call('INCR', key('order')),
    enteredAt = present and present.enteredAt or now, endsAt = now + leaseMs,
  }
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

local function canMeet(one, other)
  return one.user ~= other.user and not avoids(one, other) and not avoids(other, one)
end

-- Returns the first match in order. mayContinue, if given, ends the search when it returns false.
local function firstMatch(name, own, mayContinue)
  local from, page = 0, 16
  while true do
    local users = redis.call('ZRANGE', name, from, from + page - 1)
    for _, user in ipairs(users) do
      local one = valid(read(user))
      if one then
        if mayContinue and not mayContinue(one) then return nil end
        if canMeet(own, one) then return one end
      end
    end
    if #users < page then return nil end
    from, page = from + page, 128
  end
end

local function findSharing(own)
  local best = nil
  for _, tag in ipairs(own.tags) do
    local one = firstMatch(key('tag', tag), own)
    if one and (not best or one.order < best.order) then best = one end
  end
  return best
end

-- The pairing rule: a partner with a shared tag, else one that is acceptable without.
local function findPartner(own, relaxMs)
  local shared = findSharing(own)
  if shared or own.strict then return shared end
  local function relaxed(one) return one.enteredAt <= now - relaxMs end
  local anyone = firstMatch(key('open'), own, not relaxed(own) and relaxed or nil)
  if anyone or #own.tags > 0 then return anyone end
  return firstMatch(key('untagged'), own)
end
`;

const joining = `
local function join(one, partner)
  remove(one)
  redis.call('HSET', key('pair', one.user), 'id', one.id, 'preferences', one.json,
    'partnerId', partner.id, 'partnerPreferences', partner.json, 'endsAt', now + pairedMs)
  redis.call('PEXPIRE', key('pair', one.user), pairedMs + graceMs)
  redis.call('SET', key('paired', one.id), one.user, 'PX', pairedMs + graceMs)
end
`;

/** Arguments: user, id and JSON of the ticket, lease and time to relax in ms. Returns the resulting state. */
export const enterScript = defineScript(`${common}${placing}${finding}${joining}
local user, id, json, leaseMs, relaxMs = args[1], args[2], args[3], tonumber(args[4]), tonumber(args[5])
sweep()
if tonumber(redis.call('GET', key('left', id)) or 0) > now then return { 'left' } end
local present = pairing(user)
if present then return present end
local own = place(id, json, leaseMs)
local other = findPartner(own, relaxMs)
if not other then return waiting(own) end
join(own, other)
join(other, own)
return pairing(user)
`);

/** Arguments: user. Returns the state, or nothing. */
export const findScript = defineScript(`${common}
local one = valid(read(args[1]))
return pairing(args[1]) or (one and waiting(one))
`);

/** Arguments: user. Returns the state of the waiting ticket, or nothing. */
export const leaveScript = defineScript(`${common}
local present = read(args[1])
if present then remove(present) end
local one = valid(present)
if not one then return false end
redis.call('SET', key('left', one.id), now + leftMs, 'PX', leftMs + graceMs)
return waiting(one)
`);

/** Arguments: ids of tickets. Forgets that they were paired. */
export const settleScript = defineScript(`${common}
for _, id in ipairs(args) do
  local user = redis.call('GET', key('paired', id))
  if user and redis.call('HGET', key('pair', user), 'id') == id then redis.call('DEL', key('pair', user)) end
  redis.call('DEL', key('paired', id))
end
return 0
`);
