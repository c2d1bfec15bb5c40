-- What nodes know of one site's visitors.
-- KEYS: revision, here, visitors, by, ids, shared, leases
--   here: visitors by when they came; visitors: key -> {revision, name, since, id, data, name, …};
--   by: "name key", to find what a name told; ids: id -> key; shared: those whom several names told, by revision;
--   leases: names by when their lease ends (ms)
-- ARGV: name, writes, begin, lease ms, keys' life ms, page, after, feed, shared after, clean,
--   number of drops, puts, ids, keys; then drops (key), puts (key, since, id, data), ids (id, known), keys (key, known)
local revisionKey, here, visitors, by, ids, shared, leases = unpack(KEYS)
local name, writes, begin = ARGV[1], ARGV[2] == '1', ARGV[3] == '1'
local lease, life, page = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local after, feed, sharedAfter, clean = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
local drops, puts, byID, byKey = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
local at = 15
local call = redis.call

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local alive, names, dead = {}, {}, {}
local held = call('ZRANGE', leases, 0, -1, 'WITHSCORES')
for i = 1, #held, 2 do
  local ends = tonumber(held[i + 1])
  if ends > now + lease then call('ZADD', leases, now + lease, held[i]) end -- the clock was set back since
  if ends > now then
    alive[held[i]] = true
    names[#names + 1] = held[i]
  else
    dead[#dead + 1] = held[i]
  end
end
if writes then
  if not alive[name] then
    if not begin then return {1} end
    alive[name] = true
    names[#names + 1] = name
    for i = #dead, 1, -1 do
      if dead[i] == name then table.remove(dead, i) end
    end
  end
  call('ZADD', leases, now + lease, name)
end

local function text(number) return string.format('%.0f', number) end
-- Revisions rise also over the loss of everything: they begin with the time.
local revision = tonumber(call('GET', revisionKey) or now * 1000)
local before = revision

local function load(key)
  local packed = call('HGET', visitors, key)
  return packed and cmsgpack.unpack(packed)
end

-- store writes a visitor after a change; several: several names tell of it, or did.
local function store(key, visitor, several)
  revision = revision + 1
  if #visitor == 1 then
    call('HDEL', visitors, key)
    call('ZREM', here, key)
    call('ZREM', shared, key)
    return
  end
  visitor[1] = text(revision)
  call('HSET', visitors, key, cmsgpack.pack(visitor))
  if several then call('ZADD', shared, text(revision), key) end
end

local function since(visitor)
  local first
  for i = 2, #visitor, 4 do
    local one = tonumber(visitor[i + 1])
    if not first or one < first then first = one end
  end
  return first
end

local function find(visitor, whose)
  for i = 2, #visitor, 4 do
    if visitor[i] == whose then return i end
  end
end

local function unname(key, visitor, id)
  if id == '' then return end
  for i = 2, #visitor, 4 do
    if visitor[i + 2] == id then return end
  end
  if call('HGET', ids, id) == key then call('HDEL', ids, id) end
end

local function drop(key, whose)
  call('ZREM', by, whose .. ' ' .. key)
  local visitor = load(key)
  local i = visitor and find(visitor, whose)
  if not i then return end
  local several = #visitor > 5
  local id = visitor[i + 2]
  local came = since(visitor)
  for _ = 1, 4 do table.remove(visitor, i) end
  unname(key, visitor, id)
  store(key, visitor, several)
  local left = since(visitor)
  if left and left ~= came then call('ZADD', here, text(left), key) end
end

local function put(key, sinceText, id, data)
  local visitor = load(key) or {'0'}
  local came = since(visitor)
  local i = find(visitor, name)
  local formerID = i and visitor[i + 2]
  if not i then
    i = #visitor + 1
    call('ZADD', by, 0, name .. ' ' .. key)
  end
  visitor[i], visitor[i + 1], visitor[i + 2], visitor[i + 3] = name, sinceText, id, data
  store(key, visitor, #visitor > 5)
  local comes = since(visitor)
  if comes ~= came then call('ZADD', here, text(comes), key) end
  if formerID and formerID ~= id then unname(key, visitor, formerID) end
  if id ~= '' and formerID ~= id then call('HSET', ids, id, key) end
end

local cleaned = 0
for _, whose in ipairs(dead) do
  local left = call('ZRANGEBYLEX', by, '[' .. whose .. ' ', '(' .. whose .. '!', 'LIMIT', 0, clean - cleaned)
  for _, member in ipairs(left) do drop(string.sub(member, #whose + 2), whose) end
  cleaned = cleaned + #left
  if cleaned >= clean then break end
  call('ZREM', leases, whose)
end

for _ = 1, drops do
  drop(ARGV[at], name)
  at = at + 1
end
for _ = 1, puts do
  put(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
  at = at + 4
end
if revision ~= before or writes then call('SET', revisionKey, text(revision), 'PX', life) end

local records, told = {}, {}
-- tell adds a visitor's record, without the asking name's part; its presence otherwise: false if nobody alive told of it.
local function tell(key, visitor, changedSince)
  local record = {key, visitor[1]}
  local present = false
  for i = 2, #visitor, 4 do
    if alive[visitor[i]] then
      present = true
      if visitor[i] ~= name then
        record[#record + 1] = visitor[i]
        record[#record + 1] = visitor[i + 3]
      end
    end
  end
  if present and not told[key] and tonumber(visitor[1]) > changedSince then
    told[key] = true
    records[#records + 1] = record
  end
  return present
end

local pageKeys = false
if page > 0 and (revision ~= after) then
  if after > revision then after = 0 end
  pageKeys = {}
  local newest = call('ZREVRANGE', here, 0, page - 1)
  local packed = #newest > 0 and call('HMGET', visitors, unpack(newest)) or {}
  for i, key in ipairs(newest) do
    if packed[i] and tell(key, cmsgpack.unpack(packed[i]), after) then pageKeys[#pageKeys + 1] = key end
  end
end

local fed, fedAll = sharedAfter, 1
if feed > 0 then
  if tonumber(sharedAfter) > revision then sharedAfter = '0' end
  local changed = call('ZRANGEBYSCORE', shared, '(' .. sharedAfter, '+inf', 'WITHSCORES', 'LIMIT', 0, feed)
  for i = 1, #changed, 2 do
    local visitor = load(changed[i])
    fed = text(tonumber(changed[i + 1]))
    if visitor and find(visitor, name) then tell(changed[i], visitor, -1) end
  end
  if #changed < feed * 2 then fed = text(revision) else fedAll = 0 end
end

local absentIDs, absentKeys = {}, {}
for _ = 1, byID do
  local key = call('HGET', ids, ARGV[at])
  local visitor = key and load(key)
  local known = tonumber(ARGV[at + 1])
  if visitor and tonumber(visitor[1]) ~= known then known = -1 end
  if not visitor or not tell(key, visitor, known) then absentIDs[#absentIDs + 1] = ARGV[at] end
  at = at + 2
end
for _ = 1, byKey do
  local visitor = load(ARGV[at])
  local known = tonumber(ARGV[at + 1])
  if visitor and tonumber(visitor[1]) ~= known then known = -1 end
  if not visitor or not tell(ARGV[at], visitor, known) then absentKeys[#absentKeys + 1] = ARGV[at] end
  at = at + 2
end

local mine = -1
if writes then
  mine = call('ZLEXCOUNT', by, '[' .. name .. ' ', '(' .. name .. '!')
  for _, key in ipairs(KEYS) do call('PEXPIRE', key, life) end
end
return {0, text(revision), call('ZCARD', here), mine, cleaned >= clean and 1 or 0, names, pageKeys, fed, fedAll, records, absentIDs, absentKeys}
