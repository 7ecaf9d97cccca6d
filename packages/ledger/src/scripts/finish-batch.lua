--[[
Ends a batch whose files are written, and tells who waits for it, in one step.
KEYS  1 batch  2 check  3 outbox  4 seen  5 chunks  6 extents  7 usage of this hour  8 expiries  9 listeners
ARGV  1 id  2 statuses it may have  3 terminal status  4 now ms  5 event JSON without url and tenant  6 changes channel
      7 keep the bitmap for, s  8 extents that its files were written from: their number, '' = it has no files
      9 the last of them  10 usage rules  11 the pool of all its lines, '' = several  12 when it lapses, ms  13… field, value pairs
Returns 1 ended · 0 had ended before, or is in another status · -1 no such batch · -2 lines were recorded since its files
        were written
]]
local status, hook = unpack(redis.call('HMGET', KEYS[1], 'status', 'webhook'))
if not status then return -1 end
if not string.find(' ' .. ARGV[2] .. ' ', ' ' .. status .. ' ', 1, true) then return 0 end
if ARGV[8] ~= '' then
  local last = redis.call('LINDEX', KEYS[6], -1) or ''
  if redis.call('LLEN', KEYS[6]) ~= tonumber(ARGV[8]) or last ~= ARGV[9] then return -2 end
end
-- Lines that never ended have no call to be counted with.
local PLACES = {failed = 2, cancelled = 3, expired = 4}
local total, completed, failed, tenant, metadata =
  unpack(redis.call('HMGET', KEYS[1], 'total', 'completed', 'failed', 'tenant', 'metadata'))
local rest = tonumber(total or '0') - tonumber(completed or '0') - tonumber(failed or '0')
if rest > 0 and PLACES[ARGV[3]] then
  countUsage(KEYS[7], ARGV[10], tenant or '', metadata, {[ARGV[11] .. '\0'] = {[PLACES[ARGV[3]]] = rest}})
end
redis.call('HSET', KEYS[1], 'status', ARGV[3], ARGV[3] .. '_at', ARGV[4], unpack(ARGV, 13))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[5])
redis.call('EXPIRE', KEYS[4], ARGV[7])
redis.call('ZADD', KEYS[8], ARGV[12], ARGV[1])
tellEnd(KEYS[3], KEYS[9], ARGV[5], hook, tenant)
redis.call('PUBLISH', ARGV[6], ARGV[1] .. ' ' .. ARGV[3])
return 1
