--[[
Raises the highest leader token that a slot has seen, or the counter of tokens; never lowers it. A full Redis allows it: see
take-lead.
KEYS  1 highest leader token seen, or the counter
ARGV  1 token
Returns the highest now
]]
local seen = tonumber(redis.call('GET', KEYS[1]) or '0')
local token = tonumber(ARGV[1])
if token <= seen then return seen end
redis.call('PERSIST', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return token
