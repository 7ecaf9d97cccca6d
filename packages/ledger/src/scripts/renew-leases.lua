--[[
Renews the leases of calls that still live, in one slot. Also where Redis is full: a lease that lapsed would let another make
the call again, and what is written takes the place of what was there. See take-lead.
KEYS  1 check  2… records
ARGV  1 lease end ms, then per record: entry id, holder, '1' where all of its calls have waited for their booking since the renewal
      before ('' = not so)
Field `gate` tells that to whoever reads the record.
Returns one number per record: 1 renewed · 0 lost (the call's answer is still stored when it comes) · -1 it has ended: nobody
        waits for the answer
]]
redis.call('PERSIST', KEYS[1])
local reply = {}
for i = 2, #KEYS do
  local holder, deadline, status, gate = unpack(redis.call('HMGET', KEYS[i], 'holder', 'deadline', 'status', 'gate'))
  local id, by, waits = ARGV[3 * i - 4], ARGV[3 * i - 3], ARGV[3 * i - 2]
  if status and status ~= 'queued' and status ~= 'running' then
    reply[i - 1] = -1
  elseif holder == by then
    redis.call('HSET', KEYS[i], 'lease', ARGV[1])
    redis.call('ZADD', KEYS[1], math.min(tonumber(ARGV[1]) + 1000, tonumber(deadline) or math.huge), id)
    if waits == '1' and not gate then redis.call('HSET', KEYS[i], 'gate', '1')
    elseif waits ~= '1' and gate then redis.call('HDEL', KEYS[i], 'gate') end
    reply[i - 1] = 1
  else
    reply[i - 1] = 0
  end
end
return reply
