--[[
Removes the record of a file, unless a batch is noted at it that is not known to have let go of it.
KEYS  1 file  2 list  3 expiries
ARGV  1 id  2 ms for which a note holds the file although there is no such batch yet: it may be being made
      3 number of batches that have ended  4… their ids, then ids for which no batch was found
Returns 1 removed · 0 there was none · the id of the batch that holds it
]]
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local ended, unknown = {}, {}
for i = 4, #ARGV do
  local known = i - 4 < tonumber(ARGV[3]) and ended or unknown
  known[ARGV[i]] = true
end
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local batch = string.match(fields[i], '^used:(.*)$')
  local fresh = now - (tonumber(fields[i + 1]) or 0) < tonumber(ARGV[2])
  if batch and not ended[batch] and (fresh or not unknown[batch]) then return batch end
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return redis.call('DEL', KEYS[1])
