--[[
Notes that a batch reads a file, so that nobody deletes it under the batch.
KEYS  1 file
ARGV  1 batch id
Returns 1 noted · 0 there is no such file
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'used:' .. ARGV[1], '1')
return 1
