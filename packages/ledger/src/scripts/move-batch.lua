--[[
Moves a batch from one of several statuses to another, with fields.
KEYS  1 batch  2 check
ARGV  1 id  2 statuses it may have, separated by a space  3 new status ('' = keep)  4 check at ms ('' = leave)
      5 changes channel  6 a field that must stand as it was read ('' = none)  7 as it was read  8… field, value pairs
Returns {1, status before} moved · {0, status} it is in another, or the field is not as it was · {-1} no such batch
]]
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {-1} end
if not string.find(' ' .. ARGV[2] .. ' ', ' ' .. status .. ' ', 1, true) then return {0, status} end
if ARGV[6] ~= '' and (redis.call('HGET', KEYS[1], ARGV[6]) or '') ~= ARGV[7] then return {0, status} end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'status', ARGV[3]) end
if #ARGV > 7 then redis.call('HSET', KEYS[1], unpack(ARGV, 8)) end
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1]) end
redis.call('PUBLISH', ARGV[5], ARGV[1] .. ' ' .. (ARGV[3] ~= '' and ARGV[3] or status))
return {1, status}
