--[[
Takes out of a tenant's count what has ended since it was counted. Saying the same twice takes nothing twice.
KEYS  1 allowance  2 open  3 lines
ARGV  1… pairs: id, how many jobs of it are still open
Returns how many left the count
]]
local gone = 0
for i = 1, #ARGV, 2 do
  local counted = tonumber(redis.call('HGET', KEYS[3], ARGV[i]) or '0')
  local open = tonumber(ARGV[i + 1])
  if open < counted then
    gone = gone + counted - open
    if open > 0 then redis.call('HSET', KEYS[3], ARGV[i], open) end
  end
  if open <= 0 then
    redis.call('HDEL', KEYS[3], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
if gone > 0 then
  redis.call('HINCRBY', KEYS[1], 'queued', -gone)
  redis.call('HINCRBY', KEYS[1], 'left', gone)
end
return gone
