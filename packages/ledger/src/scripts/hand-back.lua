--[[
Gives up a lease without an answer: the holder could not start the calls (deployment sick, shutting down,
deadline passed). Costs nothing:
field `handed` tells the next claim that nothing was lost.
KEYS  1 record (job or chunk)  2 check
ARGV  1 entry id  2 epoch  3 holder  4 check at ms  5 until when it shall not come back to where it is, ms (0 = it may)
Returns 1 given up · 0 not ours any more
]]
local epoch, holder, deadline = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'holder', 'deadline'))
if epoch ~= ARGV[2] or holder ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'lease', '0', 'holder', '', 'status', 'queued', 'handed', '1')
if ARGV[5] ~= '0' then
  local deployment = redis.call('HGET', KEYS[1], 'deployment')
  redis.call('HSET', KEYS[1], 'shunned', deployment or '', 'shunned_until', ARGV[5])
end
redis.call('ZADD', KEYS[2], math.min(tonumber(ARGV[4]), tonumber(deadline) or math.huge), ARGV[1])
return 1
