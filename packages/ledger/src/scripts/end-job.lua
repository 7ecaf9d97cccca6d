--[[
Ends a single job without an answer: cancelled by its owner or past its deadline. Raises the epoch, so that whoever
holds its entry drops it.
KEYS  1 job  2 check  3 outbox  4 backlog  5 usage of this hour  6 listeners
      7 what waits of the backlog by pool
ARGV  1 id  2 status (cancelled | expired)  3 now ms  4 error JSON  5 event JSON without url and tenant ('' = none)
      6 keep for, s  7 changes channel  8 aborts channel
      9 the epoch it must have ('' = any; with one, a job whose call is leased beyond now is left alone, and one whose
        answer waits to be recorded)
      10 usage rules  11 id of the event: tells this end from any other
Returns 1 ended now, or by this very call before (a reply may be lost and the call sent again) · 0 had ended before · -1 no such job · -2 not in that epoch, being called, or answered
]]
local status, epoch, lease, hook, answer =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'epoch', 'lease', 'webhook', 'd0'))
if not status then return -1 end
if status ~= 'queued' and status ~= 'running' then
  return redis.call('HGET', KEYS[1], 'ended_by') == ARGV[11] and 1 or 0
end
if ARGV[9] ~= '' and (answer or epoch ~= ARGV[9] or tonumber(lease or '0') > tonumber(ARGV[3])) then return -2 end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'ended', ARGV[3], 'error', ARGV[4], 'lease', '0', 'ended_by', ARGV[11])
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('ZREM', KEYS[2], ARGV[1])
local bands = {interactive = '1', normal = '2', low = '3'}
local priority, tenant, pool, due, metadata =
  unpack(redis.call('HMGET', KEYS[1], 'priority', 'tenant', 'pool', 'deadline', 'metadata'))
local place = ARGV[2] == 'cancelled' and 3 or 4
countUsage(KEYS[5], ARGV[10], tenant or '', metadata, {[(pool or '') .. '\0'] = {[place] = 1}})
local member = table.concat({bands[priority] or '', tenant or '', pool or '', due or '', ARGV[1]}, '\0')
leaveBacklog(KEYS[4], KEYS[7], member, pool or '')
redis.call('EXPIRE', KEYS[1], ARGV[6])
tellEnd(KEYS[3], KEYS[6], ARGV[5], hook, tenant)
redis.call('PUBLISH', ARGV[7], ARGV[1] .. ' ' .. ARGV[2])
if status == 'running' then redis.call('PUBLISH', ARGV[8], ARGV[1]) end
return 1
