--[[
Takes objects of a tenant out of its list, with what goes with them.
KEYS  1 list  2 tenants that have one  3… deleted too
ARGV  1 tenant  2… ids
Returns how many ids stood in the list
]]
local removed = redis.call('ZREM', KEYS[1], unpack(ARGV, 2))
if #KEYS > 2 then redis.call('DEL', unpack(KEYS, 3)) end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
return removed
