--[[
Gives a lease up that is held as this says, and no other: meanwhile somebody else may have taken it. Also sent again. Redis
lets it run where it is full.
KEYS  1 lease
ARGV  1 what it says while it is held: the holder, of the leader the holder and the token
Returns 1 given up · 0 another holds it, or nobody
]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
