--[[
Records the outcome of an attempt of a single job, once: the stream entry is deleted in the same step.
KEYS  1 job  2 check  3 outcomes stream  4 outbox  5 recorder lease  6 listeners
ARGV  1 id  2 stream id  3 holder of the recorder lease  4 attempt JSON (objects, comma-separated)
      5 what follows: succeeded | failed | expired | retry  6 now ms  7 keep for, s  8 event JSON without url and tenant ('' = none)
      9 changes channel  10 check at ms (retry)  11 epoch of the attempt  12… field, value pairs to set when it applies
Returns {1, epoch, tenant} applied · {2, epoch, tenant} only the attempt was kept: the job had ended, or this failure is of an older epoch
        · {0} recorded before, or the job is gone · {-1} the lease is another's
The first success of any attempt of an open job becomes its outcome, whatever its epoch.
]]
if redis.call('GET', KEYS[5]) ~= ARGV[3] then return {-1} end
if redis.call('XDEL', KEYS[3], ARGV[2]) == 0 then return {0} end
local status, attempts, hook, epoch, deadline, tenant =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'webhook', 'epoch', 'deadline', 'tenant'))
tenant = tenant or ''
if not status then return {0} end
if attempts and attempts ~= '' then attempts = attempts .. ',' .. ARGV[4] else attempts = ARGV[4] end
redis.call('HSET', KEYS[1], 'attempts', attempts)
if status ~= 'queued' and status ~= 'running' then return {2, epoch, tenant} end
if epoch ~= ARGV[11] and ARGV[5] ~= 'succeeded' then
  -- Recorded: no later attempt may take it for its own answer.
  local mark = redis.call('HGET', KEYS[1], 'd0') or ''
  if string.match(mark, '^%d+') == ARGV[11] then redis.call('HDEL', KEYS[1], 'd0') end
  return {2, epoch, tenant}
end
redis.call('HSET', KEYS[1], 'lease', '0', 'holder', '', unpack(ARGV, 12))
redis.call('HDEL', KEYS[1], 'd0')
epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
if ARGV[5] == 'retry' then
  redis.call('HSET', KEYS[1], 'status', 'queued', 'claims', 0)
  redis.call('ZADD', KEYS[2], math.min(tonumber(ARGV[10]), tonumber(deadline) or math.huge), ARGV[1])
  redis.call('PUBLISH', ARGV[9], ARGV[1] .. ' queued')
  return {1, epoch, tenant}
end
redis.call('HSET', KEYS[1], 'status', ARGV[5], 'ended', ARGV[6])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[7])
local listened = redis.call('SISMEMBER', KEYS[6], tenant) == 1
if ARGV[8] ~= '' and (listened or (hook and hook ~= '')) then
  local url = (hook and hook ~= '') and cjson.encode(hook) or 'null'
  redis.call('XADD', KEYS[4], '*', 'event',
    string.sub(ARGV[8], 1, -2) .. ',"url":' .. url .. ',"tenant":' .. cjson.encode(tenant) .. '}')
end
redis.call('PUBLISH', ARGV[9], ARGV[1] .. ' ' .. ARGV[5])
return {1, epoch, tenant}
