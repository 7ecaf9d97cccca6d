--[[
A worker takes an entry it was delivered. The lease protects the calls, not BullMQ's lock: a redelivery waits for it.
KEYS  1 record (job or chunk)  2 check
ARGV  1 entry id  2 epoch  3 holder  4 now ms  5 lease ms  6 changes channel ('' = tell nobody)
      7… fields to return
Returns {1, claims before, '' unless the last one handed it back, value…} claimed · {0} gone, ended, in another epoch or past its
        deadline: drop the entry · {-1, ms left} held by another, or by an answer that is being recorded
Sent again by the same holder it answers as the first time: field `handed` is '0' while the claim holds of an entry that was handed
back, '' of another.
Nothing begins after the deadline: whoever looks after open entries is told to look now.
A full Redis allows it (see take-lead): few entries are on their way then, no booking is made for them, and the worker that has
them goes on when there is room; others would wait until they are missed.
]]
local status, epoch, lease, holder, claims, handed, deadline, gate =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'epoch', 'lease', 'holder', 'claims', 'handed', 'deadline', 'gate'))
deadline = tonumber(deadline) or math.huge
if not status or (status ~= 'queued' and status ~= 'running') or epoch ~= ARGV[2] then return {0} end
local left = tonumber(lease or '0') - tonumber(ARGV[4])
if left > 0 and holder ~= ARGV[3] then return {-1, math.ceil(left)} end
-- An answer of an older epoch waits to be recorded: a success will end the job, a failure leave it to this epoch.
local mark = ARGV[6] ~= '' and redis.call('HGET', KEYS[1], 'd0')
if mark and string.match(mark, '^%d+') ~= epoch then return {-1, 1000} end
if deadline <= tonumber(ARGV[4]) then
  redis.call('ZADD', KEYS[2], deadline, ARGV[1])
  return {0}
end
redis.call('PERSIST', KEYS[2])
local ends = tonumber(ARGV[4]) + tonumber(ARGV[5])
if holder == ARGV[3] then claims = tonumber(claims) - 1
elseif handed == '0' then handed = '' end
handed = handed or ''
redis.call('HSET', KEYS[1], 'status', 'running', 'lease', string.format('%.0f', ends), 'holder', ARGV[3],
  'claims', tonumber(claims or '0') + 1, 'handed', handed == '' and '' or '0')
if gate then redis.call('HDEL', KEYS[1], 'gate') end
redis.call('HSETNX', KEYS[1], 'started', ARGV[4])
redis.call('ZADD', KEYS[2], math.min(ends + 1000, deadline), ARGV[1])
if ARGV[6] ~= '' and status == 'queued' then redis.call('PUBLISH', ARGV[6], ARGV[1] .. ' running') end
local reply = {1, tonumber(claims or '0'), handed}
local values = redis.call('HMGET', KEYS[1], unpack(ARGV, 7))
for i = 1, #values do reply[i + 3] = values[i] or '' end
return reply
