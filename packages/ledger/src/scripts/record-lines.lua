--[[
Records outcomes of lines of one batch whose segment is on disk: bits, counts, extents, retries and the deletion of the
stream entries in one step. After it the results have left Redis.
KEYS  1 batch  2 seen  3 extents  4 outcomes stream  5 check  6 chunks  7 recorder lease  8 usage of this hour
ARGV  1 batch id  2 holder of the recorder lease  3 now ms  4 changes channel  5 key prefix of chunks
      6 segment ('' = none)  7 where in it the rows begin, bytes  8 usage rules  9 number of stream entries, then per entry:
      stream id, chunk it came from, bytes of its rows in the segment (one entry's behind the other's),
      input tokens, cached, output, reasoning, cost, answered calls of unknown cost, calls without an answer,
      deployment called, calls, calls that failed,
      number of deployments, then per deployment: id, lines that succeeded there,
      number of lines recorded, then per line: line, ok (1 | 0), place in the chunk,
      number of retries, then per retry: number of places, places, new chunk id, check at ms, number of fields, field, value …
Returns {newly recorded, recorded in all, total, status, tenant, US dollars of these} · {-1} the lease is another's · {-2} all recorded before · {-3} the batch is gone
An entry counts if this call deletes it from the stream, and only then: recording it again, alone or among others, adds
nothing, neither counts nor rows. A place leaves its chunk once: a second answer for it is kept in the segment, where
readers drop it by its line number. A batch that has ended stays as it is; only what a late answer cost is added. One that
is winding down retries nothing. Usage is counted of every entry that this call deletes.
]]
if redis.call('GET', KEYS[7]) ~= ARGV[2] then return {-1} end
local ENDED = {completed = true, failed = true, expired = true, cancelled = true}
local status = redis.call('HGET', KEYS[1], 'status')
local open = status and not ENDED[status]
local at = 9
local function take()
  at = at + 1
  return ARGV[at - 1]
end
local function takeNumber() return tonumber(take()) end

-- Marks places of a chunk as left; returns how many had not left before, -1 when the chunk is gone.
local function leave(id, places)
  local key = ARGV[5] .. id
  if #places == 0 or redis.call('EXISTS', key) == 0 then return -1 end
  local marks = {}
  for i = 1, #places do
    marks[#marks + 1] = 'r' .. places[i]
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

local SUMS = {'input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens', 'cost', 'unpriced', 'unanswered'}
local SPENT = {cost = true, unpriced = true, unanswered = true}
local adds = {}
local function add(name, amount)
  if amount ~= 0 then adds[name] = (adds[name] or 0) + amount end
end

local cells = {}
local function cellOf(pool, deployment)
  local name = pool .. '\0' .. deployment
  cells[name] = cells[name] or {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
  return cells[name]
end

local ranges = {}
local function addRange(from, to)
  local last = ranges[#ranges]
  if last and last[2] == from then last[2] = to
  elseif to > from then ranges[#ranges + 1] = {from, to} end
end

local deleted, newly = 0, 0
local offset = tonumber(ARGV[7])
for _ = 1, takeNumber() do
  local fresh = redis.call('XDEL', KEYS[4], take()) == 1
  local counts = fresh and open
  if fresh then deleted = deleted + 1 end
  local chunk, bytes = take(), takeNumber()
  if counts then addRange(offset, offset + bytes) end
  offset = offset + bytes
  local used = {}
  for i = 1, #SUMS do
    local amount = takeNumber()
    used[i + 6] = amount
    if counts or (fresh and SPENT[SUMS[i]]) then add(SUMS[i], amount) end
  end
  local called = take()
  used[5], used[6] = takeNumber(), takeNumber()
  local cell = fresh and cellOf(redis.call('HGET', ARGV[5] .. chunk, 'pool') or '', called)
  for i = 5, 13 do if fresh then cell[i] = cell[i] + used[i] end end
  for _ = 1, takeNumber() do
    local id, lines = take(), takeNumber()
    if counts then add('by:' .. id, lines) end
  end
  local places = {}
  for _ = 1, takeNumber() do
    local line, ok = take(), take()
    places[#places + 1] = take()
    if counts and redis.call('SETBIT', KEYS[2], line, 1) == 0 then
      newly = newly + 1
      add(ok == '1' and 'completed' or 'failed', 1)
      local place = ok == '1' and 1 or 2
      cell[place] = cell[place] + 1
    end
  end
  if counts then leave(chunk, places) end
  for _ = 1, takeNumber() do
    places = {}
    for i = 1, takeNumber() do places[i] = take() end
    local id, due, fields = take(), take(), takeNumber()
    -- Should one of them have left before, it is called again rather than the others never.
    if counts and leave(chunk, places) > 0 and status == 'in_progress' then
      redis.call('HSET', ARGV[5] .. id, unpack(ARGV, at, at + fields - 1))
      redis.call('ZADD', KEYS[5], due, id)
      redis.call('SADD', KEYS[6], id)
    end
    at = at + fields
  end
end
local tenant, metadata = unpack(redis.call('HMGET', KEYS[1], 'tenant', 'metadata'))
tenant = tenant or ''
countUsage(KEYS[8], ARGV[8], tenant, metadata, cells)
if not status then return {-3} end
if deleted == 0 then return {-2} end

for _, range in ipairs(ranges) do
  local name, from, to = string.match(redis.call('LINDEX', KEYS[3], -1) or '', '^(%S+) (%d+) (%d+)$')
  if name == ARGV[6] and tonumber(to) == range[1] then
    redis.call('LSET', KEYS[3], -1, string.format('%s %s %.0f', name, from, range[2]))
  else
    redis.call('RPUSH', KEYS[3], string.format('%s %.0f %.0f', ARGV[6], range[1], range[2]))
  end
end
-- Whatever was said: an amount that Redis refuses here would leave the entries half recorded for ever.
local MOST = 1e12
for name, amount in pairs(adds) do
  if amount ~= amount then amount = 0 end
  amount = math.max(-MOST, math.min(MOST, amount))
  adds[name] = amount
  if name == 'cost' then redis.call('HINCRBYFLOAT', KEYS[1], name, string.format('%.17g', amount))
  else redis.call('HINCRBY', KEYS[1], name, string.format('%.0f', amount)) end
end

local done, bad, total = unpack(redis.call('HMGET', KEYS[1], 'completed', 'failed', 'total'))
local recorded = tonumber(done or '0') + tonumber(bad or '0')
total = tonumber(total or '0')
if status == 'in_progress' and recorded >= total then
  status = 'finalizing'
  redis.call('HSET', KEYS[1], 'status', status, 'finalizing_at', ARGV[3])
  redis.call('ZADD', KEYS[5], tonumber(ARGV[3]) + 10000, ARGV[1])
end
if open then redis.call('PUBLISH', ARGV[4], ARGV[1] .. ' ' .. status) end
return {newly, recorded, total, status, tenant, string.format('%.17g', adds.cost or 0)}
