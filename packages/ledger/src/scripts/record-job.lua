--[[
Records the outcome of an attempt of a single job, once: the stream entry is deleted in the same step.
KEYS  1 job  2 check  3 outcomes stream  4 outbox  5 recorder lease  6 usage of this hour  7 listeners
ARGV  1 id  2 stream id  3 holder of the recorder lease  4 attempt JSON (objects, comma-separated)
      5 what follows: succeeded | failed | expired | retry  6 now ms  7 keep for, s  8 event JSON without url and tenant ('' = none)
      9 changes channel  10 check at ms (retry)  11 epoch of the attempt
      12 usage rules  13 deployment called  14 its usage: the figures from 5 on, packed  15… field, value pairs to set when it applies
Returns {1, epoch, tenant, pool} applied · {2, epoch, tenant, pool} only the attempt was kept: the job had ended, or this failure is of an older epoch
        · {0} recorded before, or the job is gone · {-1} the lease is another's
The first success of any attempt of an open job becomes its outcome, whatever its epoch.
]]
if redis.call('GET', KEYS[5]) ~= ARGV[3] then return {-1} end
if redis.call('XDEL', KEYS[3], ARGV[2]) == 0 then return {0} end
local status, attempts, hook, epoch, deadline, tenant, pool, metadata =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'webhook', 'epoch', 'deadline', 'tenant', 'pool', 'metadata'))
tenant, pool = tenant or '', pool or ''
local open = status == 'queued' or status == 'running'
local applies = open and (epoch == ARGV[11] or ARGV[5] == 'succeeded')
local figures = {0, 0, 0, 0, struct.unpack('>ddddddddd', ARGV[14])}
local place = applies and ({succeeded = 1, failed = 2, expired = 4})[ARGV[5]]
if place then figures[place] = 1 end
countUsage(KEYS[6], ARGV[12], tenant, metadata, {[pool .. '\0' .. ARGV[13]] = figures})
if not status then return {0} end
if attempts and attempts ~= '' then attempts = attempts .. ',' .. ARGV[4] else attempts = ARGV[4] end
redis.call('HSET', KEYS[1], 'attempts', attempts)
if not open then return {2, epoch, tenant, pool} end
if not applies then
  -- Recorded: no later attempt may take it for its own answer.
  local mark = redis.call('HGET', KEYS[1], 'd0') or ''
  if string.match(mark, '^%d+') == ARGV[11] then redis.call('HDEL', KEYS[1], 'd0') end
  return {2, epoch, tenant, pool}
end
redis.call('HSET', KEYS[1], 'lease', '0', 'holder', '', unpack(ARGV, 15))
redis.call('HDEL', KEYS[1], 'd0')
epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
if ARGV[5] == 'retry' then
  redis.call('HSET', KEYS[1], 'status', 'queued', 'claims', 0)
  redis.call('ZADD', KEYS[2], math.min(tonumber(ARGV[10]), tonumber(deadline) or math.huge), ARGV[1])
  redis.call('PUBLISH', ARGV[9], ARGV[1] .. ' queued')
  return {1, epoch, tenant, pool}
end
redis.call('HSET', KEYS[1], 'status', ARGV[5], 'ended', ARGV[6])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[7])
tellEnd(KEYS[4], KEYS[7], ARGV[8], hook, tenant)
redis.call('PUBLISH', ARGV[9], ARGV[1] .. ' ' .. ARGV[5])
return {1, epoch, tenant, pool}
