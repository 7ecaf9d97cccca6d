--[[
Moves a job or chunk to a deployment: one fenced compare-and-set. The queue entry is added after it, by whoever made
or repeats the move.
KEYS  1 record (job or chunk)  2 check  3 highest leader token seen
      4 backlog  5 what waits of it by pool (4 and 5 absent for a chunk)
ARGV  1 entry id  2 epoch expected  3 deployment  4 tier  5 check at ms (at most its deadline)  6 leader token  7 now ms
      8 output tokens expected of an answer ('' = nobody knows)
      9 the arm it should have been ('=' as wanted, '' = its pool compares none)
Returns {1, new epoch} moved · {2, epoch, deployment} moved before: repeat that · {0} gone or ended · {-1} an older leader
        · {-2, lease end ms} being called
]]
local seen = tonumber(redis.call('GET', KEYS[3]) or '0')
if tonumber(ARGV[6]) < seen then return {-1} end
local status, epoch, deployment, lease, handed, deadline =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'epoch', 'deployment', 'lease', 'handed', 'deadline'))
if not status or (status ~= 'queued' and status ~= 'running') then return {0} end
if epoch ~= ARGV[2] then return {2, tonumber(epoch), deployment or ''} end
if tonumber(lease or '0') > tonumber(ARGV[7]) then return {-2, lease} end
local nextEpoch = tonumber(epoch) + 1
redis.call('HSET', KEYS[1], 'epoch', nextEpoch, 'deployment', ARGV[3], 'tier', ARGV[4], 'expects', ARGV[8], 'arm', ARGV[9],
  'status', 'queued', 'holder', '')
-- Handed back and placed again: the next claim must still know that nothing was lost.
if handed == '1' then redis.call('HSET', KEYS[1], 'handed', '2') end
redis.call('ZADD', KEYS[2], math.min(tonumber(ARGV[5]), tonumber(deadline) or math.huge), ARGV[1])
if KEYS[4] and epoch == '0' then
  local bands = {interactive = '1', normal = '2', low = '3'}
  local priority, tenant, pool = unpack(redis.call('HMGET', KEYS[1], 'priority', 'tenant', 'pool'))
  local member = table.concat({bands[priority] or '', tenant or '', pool or '', deadline or '', ARGV[1]}, '\0')
  leaveBacklog(KEYS[4], KEYS[5], member, pool or '')
end
return {1, nextEpoch}
