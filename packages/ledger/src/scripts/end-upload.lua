--[[
Ends an upload once: pending → completed (with its file, in the same step), cancelled or expired.
KEYS  1 upload  2 parts  3 expiries  4 file  5 list of its tenant  6 tenants that have one (4 to 6: only used with completed)
ARGV  1 id  2 now ms  3 new status  4 keep for, s  5 part ids, joined by a space
      6 file id, or what tells this end from any other ('' = nothing)  7 file expires ms ('' = never)
      8 tenant of the file  9… fields of the file: field, value pairs
Returns {1} ended, now or by this very call before (a reply may be lost and the call sent again)
        · {0, status, part ids, file id} it had ended before · {-1} no such upload
An upload past its time completes no more.
]]
local status, expires, parts, file, by =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'expires', 'part_ids', 'file_id', 'ended_by'))
if not status then return {-1} end
if ARGV[6] ~= '' and by == ARGV[6] then return {1} end
local late = tonumber(expires) <= tonumber(ARGV[2])
if status == 'pending' and late and ARGV[3] ~= 'expired' then status = 'expired' end
if status ~= 'pending' then return {0, status, parts or '', file or ''} end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'part_ids', ARGV[5], 'file_id', ARGV[3] == 'completed' and ARGV[6] or '',
  'ended_by', ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
if ARGV[3] == 'completed' then
  redis.call('HSET', KEYS[4], unpack(ARGV, 9))
  redis.call('ZADD', KEYS[5], ARGV[2], ARGV[6])
  redis.call('ZADD', KEYS[6], 'GT', ARGV[2], ARGV[8])
  if ARGV[7] ~= '' then redis.call('ZADD', KEYS[3], ARGV[7], ARGV[6]) end
end
return {1}
