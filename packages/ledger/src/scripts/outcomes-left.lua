--[[
Whether answers of a batch that is winding down still wait to be recorded. Asked once no chunk of it is left: then every
answer that is to count lies in the stream. The first call notes the newest entry of the slot's stream, and the recorder takes
entries in order; so the batch waits for what lay there at that moment and not for what other batches bring meanwhile.
KEYS  1 batch  2 outcomes stream
Returns 1 some are left · 0 none
]]
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
redis.call('HSETNX', KEYS[1], 'last_outcome', newest and newest[1] or '0-0')
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if not oldest then return 0 end
local ms, seq = string.match(oldest[1], '^(%d+)-(%d+)$')
local lastMs, lastSeq = string.match(redis.call('HGET', KEYS[1], 'last_outcome'), '^(%d+)-(%d+)$')
ms, lastMs = tonumber(ms), tonumber(lastMs)
return (ms < lastMs or (ms == lastMs and tonumber(seq) <= tonumber(lastSeq))) and 1 or 0
