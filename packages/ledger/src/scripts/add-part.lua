--[[
Adds a part whose bytes are in the store to an upload that still waits for parts.
KEYS  1 upload  2 parts
ARGV  1 part id  2 now ms  3 part JSON
Returns {1} added · {0, status} it takes no more parts · {-1} no such upload
]]
local status, expires = unpack(redis.call('HMGET', KEYS[1], 'status', 'expires'))
if not status then return {-1} end
if status == 'pending' and tonumber(expires) <= tonumber(ARGV[2]) then status = 'expired' end
if status ~= 'pending' then return {0, status} end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return {1}
