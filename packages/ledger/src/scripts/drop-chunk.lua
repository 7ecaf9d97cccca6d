--[[
Takes a chunk out of a batch that ends early. One whose calls are leased is left to finish.
KEYS  1 chunk  2 check  3 chunks
ARGV  1 chunk id  2 now ms
Returns 1 dropped · 0 gone before · -1 being called
]]
local status, lease = unpack(redis.call('HMGET', KEYS[1], 'status', 'lease'))
if status and tonumber(lease or '0') > tonumber(ARGV[2]) then return -1 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
return status and 1 or 0
