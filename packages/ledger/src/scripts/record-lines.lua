--[[
Records outcomes of lines of one batch whose segment is on disk: bits, counts, extent, retries and the deletion of the
stream entries in one step. After it the results have left Redis.
KEYS  1 batch  2 seen  3 extents  4 outcomes stream  5 check  6 chunks  7 recorder lease
ARGV  1 batch id  2 holder of the recorder lease  3 now ms  4 changes channel  5 key prefix of chunks
      6 extent segment ('' = none)  7 extent start  8 extent end
      9 input tokens  10 cached  11 output  12 reasoning  13 cost to add  14 answered calls of unknown cost  15 calls without an answer
      16 deployments JSON {id: lines}
      17 number of stream ids, then the ids
      then number of lines recorded, then per line: line, ok (1 | 0)
      then number of chunks, then per chunk: id, number of places recorded, places
      then number of retries, then per retry: chunk it leaves, number of places, places, new chunk id, check at ms,
           number of fields, field, value …
Returns {newly recorded, recorded in all, total, status} · {-1} the lease is another's · {-2} recorded before · {-3} the batch is gone
A place leaves its chunk once: a second answer for it is kept in the segment, where readers drop it by its line number.
]]
if redis.call('GET', KEYS[7]) ~= ARGV[2] then return {-1} end
local at = 17
local streams = tonumber(ARGV[at])
if redis.call('XDEL', KEYS[4], unpack(ARGV, at + 1, at + streams)) == 0 then return {-2} end
if redis.call('EXISTS', KEYS[1]) == 0 then return {-3} end
at = at + streams + 1

local lines = tonumber(ARGV[at])
local completed, failed = 0, 0
for i = 0, lines - 1 do
  if redis.call('SETBIT', KEYS[2], ARGV[at + 1 + 2 * i], 1) == 0 then
    if ARGV[at + 2 + 2 * i] == '1' then completed = completed + 1 else failed = failed + 1 end
  end
end
at = at + 2 * lines + 1

if ARGV[6] ~= '' then
  local name, from, to = string.match(redis.call('LINDEX', KEYS[3], -1) or '', '^(%S+) (%d+) (%d+)$')
  if name == ARGV[6] and to == ARGV[7] then
    redis.call('LSET', KEYS[3], -1, name .. ' ' .. from .. ' ' .. ARGV[8])
  else
    redis.call('RPUSH', KEYS[3], ARGV[6] .. ' ' .. ARGV[7] .. ' ' .. ARGV[8])
  end
end

-- Marks places of a chunk as left; returns how many had not left before, -1 when the chunk is gone.
local function leave(id, from, count)
  local key = ARGV[5] .. id
  if redis.call('EXISTS', key) == 0 then return -1 end
  local marks = {}
  for i = 0, count - 1 do
    marks[#marks + 1] = 'r' .. ARGV[from + i]
    marks[#marks + 1] = '1'
  end
  local fresh = redis.call('HSET', key, unpack(marks))
  if fresh > 0 and redis.call('HINCRBY', key, 'left', -fresh) <= 0 then
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[5], id)
    redis.call('SREM', KEYS[6], id)
  end
  return fresh
end

local chunks = tonumber(ARGV[at])
at = at + 1
for _ = 1, chunks do
  local places = tonumber(ARGV[at + 1])
  leave(ARGV[at], at + 2, places)
  at = at + 2 + places
end

local retries = tonumber(ARGV[at])
at = at + 1
for _ = 1, retries do
  local origin, places = ARGV[at], tonumber(ARGV[at + 1])
  local fresh = leave(origin, at + 2, places)
  at = at + 2 + places
  local id, due, fields = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  if fresh == places then
    redis.call('HSET', ARGV[5] .. id, unpack(ARGV, at + 3, at + 2 + fields))
    redis.call('ZADD', KEYS[5], due, id)
    redis.call('SADD', KEYS[6], id)
  end
  at = at + 3 + fields
end

if completed > 0 then redis.call('HINCRBY', KEYS[1], 'completed', completed) end
if failed > 0 then redis.call('HINCRBY', KEYS[1], 'failed', failed) end
local sums = {'input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens'}
for i = 1, 4 do
  if ARGV[8 + i] ~= '0' then redis.call('HINCRBY', KEYS[1], sums[i], ARGV[8 + i]) end
end
if ARGV[13] ~= '0' then redis.call('HINCRBYFLOAT', KEYS[1], 'cost', ARGV[13]) end
if ARGV[14] ~= '0' then redis.call('HINCRBY', KEYS[1], 'unpriced', ARGV[14]) end
if ARGV[15] ~= '0' then redis.call('HINCRBY', KEYS[1], 'unanswered', ARGV[15]) end
for id, count in pairs(cjson.decode(ARGV[16])) do redis.call('HINCRBY', KEYS[1], 'by:' .. id, count) end

local done, bad, total, status = unpack(redis.call('HMGET', KEYS[1], 'completed', 'failed', 'total', 'status'))
local recorded = tonumber(done or '0') + tonumber(bad or '0')
if status == 'in_progress' and recorded >= tonumber(total) then
  status = 'finalizing'
  redis.call('HSET', KEYS[1], 'status', status, 'finalizing_at', ARGV[3])
  redis.call('ZADD', KEYS[5], tonumber(ARGV[3]) + 10000, ARGV[1])
end
redis.call('PUBLISH', ARGV[4], ARGV[1] .. ' ' .. status)
return {completed + failed, recorded, tonumber(total), status}
