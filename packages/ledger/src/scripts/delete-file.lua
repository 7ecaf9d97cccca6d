--[[
Removes the record of a file, unless a batch is noted at it that is not known to have let go of it.
KEYS  1 file  2 expiries  3 list of its tenant  4 tenants that have one
ARGV  1 id  2 tenant  3 ms for which a note holds the file although there is no such batch yet: it may be being made
      4 number of batches that have ended  5… their ids, then ids for which no batch was found
Returns 1 removed · 0 there was none · the id of the batch that holds it
]]
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local ended, unknown = {}, {}
for i = 5, #ARGV do
  local known = i - 5 < tonumber(ARGV[4]) and ended or unknown
  known[ARGV[i]] = true
end
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local batch = string.match(fields[i], '^used:(.*)$')
  local fresh = now - (tonumber(fields[i + 1]) or 0) < tonumber(ARGV[3])
  if batch and not ended[batch] and (fresh or not unknown[batch]) then return batch end
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('ZREM', KEYS[4], ARGV[2]) end
return redis.call('DEL', KEYS[1])
