--[[
Splits a chunk that has no place: each of its lines travels on in a chunk of its own, and can be placed by itself.
KEYS  1 chunk  2 check  3 chunks of its batch  4 highest leader token seen  5 batch
ARGV  1 chunk id  2 epoch expected  3 leader token  4 now ms  5 check at ms (at most its deadline)
Returns {1, new chunk id…} split · {0} it stays as it is: gone, moved on, being called, with nothing to call, or its batch winds
        down · {-1} an older leader
A line whose answer is stored stays where that looks for it. Where a delivery died in mid-call the next claim of each line knows
it. Should the reply be lost, the new chunks are found when they are to be looked after.
]]
if tonumber(ARGV[3]) < tonumber(redis.call('GET', KEYS[4]) or '0') then return {-1} end
local status, epoch, lease, deadline = unpack(redis.call('HMGET', KEYS[1], 'status', 'epoch', 'lease', 'deadline'))
if not status or (status ~= 'queued' and status ~= 'running') or epoch ~= ARGV[2] then return {0} end
if tonumber(lease or '0') > tonumber(ARGV[4]) then return {0} end
if redis.call('HGET', KEYS[5], 'status') ~= 'in_progress' then return {0} end

local OWN = {lines = true, history = true, left = true, lease = true, holder = true, epoch = true, status = true, gate = true}
local record, fields, answered = redis.call('HGETALL', KEYS[1]), {}, {}
local lines, history = {}, {}
for i = 1, #record, 2 do
  local name, value = record[i], record[i + 1]
  local place = string.match(name, '^[dr](%d+)$')
  if place then answered[tonumber(place)] = true
  elseif name == 'lines' then lines = cjson.decode(value)
  elseif name == 'history' and value ~= '' then history = cjson.decode(value)
  elseif not OWN[name] then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end

local split, marks = {1}, {}
local due = math.min(tonumber(ARGV[5]), tonumber(deadline) or math.huge)
for i = 1, #lines do
  local place = i - 1
  if not answered[place] then
    local id = ARGV[1] .. '.' .. place
    redis.call('HSET', KEYS[1] .. '.' .. place, 'status', 'queued', 'epoch', '0', 'holder', '', 'left', '1',
      'lines', cjson.encode({lines[i]}), 'history', history[i] and cjson.encode({history[i]}) or '', unpack(fields))
    redis.call('ZADD', KEYS[2], due, id)
    redis.call('SADD', KEYS[3], id)
    split[#split + 1] = id
    marks[#marks + 1] = 'r' .. place
    marks[#marks + 1] = '1'
  end
end
if #marks == 0 then return {0} end
redis.call('HSET', KEYS[1], unpack(marks))
if redis.call('HINCRBY', KEYS[1], 'left', -#marks / 2) <= 0 then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('SREM', KEYS[3], ARGV[1])
end
return split
