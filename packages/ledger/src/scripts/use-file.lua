--[[
Notes that a batch reads a file, and when it was noted, so that nobody deletes it under the batch.
KEYS  1 file
ARGV  1 batch id
Returns 1 noted · 0 there is no such file
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'used:' .. ARGV[1], now[1] * 1000 + math.floor(now[2] / 1000))
return 1
