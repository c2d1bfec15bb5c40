-- Where agents are, on all nodes.
-- KEYS: revision, agents ("agent name" -> state), leases (names by when their lease ends, ms)
-- ARGV: name, begin, lease ms, keys' life ms, known revision, then agent, state, …
local revisionKey, agents, leases = unpack(KEYS)
local name, begin, lease, life, known = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]), ARGV[4], ARGV[5]
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local ends = call('ZSCORE', leases, name)
if not begin and not (ends and tonumber(ends) > now) then return {1} end
call('ZADD', leases, now + lease, name)
-- No lease is made longer: the clock was set back since.
for _, whose in ipairs(call('ZRANGEBYSCORE', leases, '(' .. string.format('%.0f', now + lease), '+inf')) do
  call('ZADD', leases, now + lease, whose)
end

local function text(number) return string.format('%.0f', number) end
local revision = tonumber(call('GET', revisionKey) or now * 1000)
local before = revision
for i = 6, #ARGV, 2 do
  local field = ARGV[i] .. ' ' .. name
  if ARGV[i + 1] == '0' then
    revision = revision + call('HDEL', agents, field)
  else
    call('HSET', agents, field, ARGV[i + 1])
    revision = revision + 1
  end
end

local dead = call('ZRANGEBYSCORE', leases, '-inf', now)
if #dead > 0 then
  local on = call('HGETALL', agents)
  local gone = {}
  for _, whose in ipairs(dead) do gone[whose] = true end
  for i = 1, #on, 2 do
    if gone[string.match(on[i], ' (.*)$')] then call('HDEL', agents, on[i]) end
  end
  call('ZREM', leases, unpack(dead))
  revision = revision + 1
end
call('SET', revisionKey, text(revision), 'PX', life)
for _, key in ipairs(KEYS) do call('PEXPIRE', key, life) end
local alive = call('ZRANGE', leases, 0, -1)
if text(revision) == known then return {0, known, false, alive} end
return {0, text(revision), call('HGETALL', agents), alive}
