--[[
Feeds lines of a batch: creates the records of their chunks, already placed, and advances the cursor, in one step.
KEYS  1 batch  2 check  3 chunks  4 highest leader token seen  5… chunk records
ARGV  1 leader token  2 class  3 cursor expected  4 new cursor  5 lines fed  6 check at ms
      then per chunk: id, number of fields, field, value …
Returns 1 fed · 0 the cursor stood elsewhere · -1 an older leader · -2 the batch is not being drained
Sent again because its answer was lost, it answers 1 as before, while its chunks stand as they were fed.
]]
if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[4]) or '0') then return -1 end
local status, paused, cursor = unpack(redis.call('HMGET', KEYS[1], 'status', 'paused', 'cursor:' .. ARGV[2]))
local function asFed()
  local at = 7
  for i = 5, #KEYS do
    local names, fields = {}, tonumber(ARGV[at + 1])
    for n = 1, fields, 2 do names[#names + 1] = ARGV[at + 1 + n] end
    for n, value in ipairs(redis.call('HMGET', KEYS[i], unpack(names))) do
      if value ~= ARGV[at + 1 + 2 * n] then return false end
    end
    at = at + 2 + fields
  end
  return true
end
if cursor == ARGV[4] and asFed() then return 1 end
if status ~= 'in_progress' or paused == '1' then return -2 end
if (cursor or '0') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'cursor:' .. ARGV[2], ARGV[4])
redis.call('HINCRBY', KEYS[1], 'fed', ARGV[5])
local at = 7
for i = 5, #KEYS do
  local id, fields = ARGV[at], tonumber(ARGV[at + 1])
  redis.call('HSET', KEYS[i], unpack(ARGV, at + 2, at + 1 + fields))
  redis.call('ZADD', KEYS[2], ARGV[6], id)
  redis.call('SADD', KEYS[3], id)
  at = at + 2 + fields
end
return 1
