--[[
Takes or renews the lease of who records the outcomes of a slot. Also where Redis is full: what is recorded leaves it; see take-lead.
KEYS  1 recorder lease
ARGV  1 holder  2 lease ms
Returns 1 held · 0 another holds it
]]
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('PERSIST', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
