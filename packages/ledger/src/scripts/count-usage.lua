--[[
Stands before each script that counts usage. A cell is one field of an hour's hash, its figures in one text: one write per
cell, however many calls are added. Their order is FIGURES of usage.ts:
  1 succeeded  2 failed  3 cancelled  4 expired  5 attempts  6 attempts that failed
  7 input tokens  8 cached  9 output  10 reasoning  11 cost  12 answered calls of unknown cost  13 calls without an answer
Fields: t <tenant> <pool> <deployment> · m <tenant> <key> <= and the value, nothing where it has none, or * for the rest>
· n <tenant> <key>: how many values have a cell; separated by NUL.
]]
local USAGE_MOST = 1e12

local function addFigures(key, field, figures)
  local sums = {}
  for number in string.gmatch(redis.call('HGET', key, field) or '', '%S+') do sums[#sums + 1] = tonumber(number) end
  for i = 1, 13 do
    local amount = tonumber(figures[i] or 0)
    if amount ~= amount then amount = 0 end
    amount = math.max(-USAGE_MOST, math.min(USAGE_MOST, amount))
    sums[i] = string.format('%.17g', (sums[i] or 0) + amount)
  end
  redis.call('HSET', key, field, table.concat(sums, ' '))
end

-- The field of a job's value of a metadata key: a new value beyond the most that are told apart is one of the rest.
local function metadataField(key, head, value, most)
  if type(value) ~= 'string' then return 'm\0' .. head .. '\0' end
  local field = 'm\0' .. head .. '\0=' .. value
  if redis.call('HEXISTS', key, field) == 1 then return field end
  if tonumber(redis.call('HGET', key, 'n\0' .. head) or '0') >= most then return 'm\0' .. head .. '\0*' end
  redis.call('HINCRBY', key, 'n\0' .. head, 1)
  return field
end

-- rules: '<keep for, s> <most values> <metadata key> …'; '' = nothing is counted. cells: '<pool> NUL <deployment>' -> figures.
local function countUsage(key, rules, tenant, metadata, cells)
  if rules == '' or next(cells) == nil then return end
  local words = {}
  for word in string.gmatch(rules, '%S+') do words[#words + 1] = word end
  local whole = {}
  for cell, figures in pairs(cells) do
    addFigures(key, 't\0' .. tenant .. '\0' .. cell, figures)
    for i = 1, 13 do whole[i] = (whole[i] or 0) + tonumber(figures[i] or 0) end
  end
  local values = {}
  if #words > 2 and metadata and metadata ~= '' then
    -- Nothing here may fail: what is recorded in the same step would be lost.
    local fine, decoded = pcall(cjson.decode, metadata)
    if fine and type(decoded) == 'table' then values = decoded end
  end
  for i = 3, #words do
    local head = tenant .. '\0' .. words[i]
    addFigures(key, metadataField(key, head, values[words[i]], tonumber(words[2])), whole)
  end
  if redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, words[1]) end
end
