--[[
Moves a batch from one of several statuses to another, with fields.
KEYS  1 batch  2 check
ARGV  1 id  2 statuses it may have, separated by a space  3 new status ('' = keep)  4 check at ms ('' = leave)
      5 changes channel  6 n fields that must stand as they were read  7… their n field, value pairs ('' = none or 0)
      … field, value pairs to set
Returns {1, status before} moved · {0, status} it is in another, or a field is not as it was · {-1} no such batch
]]
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {-1} end
if not string.find(' ' .. ARGV[2] .. ' ', ' ' .. status .. ' ', 1, true) then return {0, status} end
local set = 7 + 2 * tonumber(ARGV[6])
for i = 7, set - 1, 2 do
  local now = redis.call('HGET', KEYS[1], ARGV[i])
  if not now or now == '0' then now = '' end
  if now ~= ARGV[i + 1] then return {0, status} end
end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'status', ARGV[3]) end
if #ARGV >= set then redis.call('HSET', KEYS[1], unpack(ARGV, set)) end
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1]) end
redis.call('PUBLISH', ARGV[5], ARGV[1] .. ' ' .. (ARGV[3] ~= '' and ARGV[3] or status))
return {1, status}
