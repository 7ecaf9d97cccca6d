--[[
Stands before each script that counts usage. A cell is one field of an hour's hash, its figures packed in one value: one
write per cell, however many calls are added. They are 13 doubles (big-endian), in the order of FIGURES of usage.ts:
  1 succeeded  2 failed  3 cancelled  4 expired  5 attempts  6 attempts that failed
  7 input tokens  8 cached  9 output  10 reasoning  11 cost  12 answered calls of unknown cost  13 calls without an answer
Fields: t <tenant> <pool> <deployment> · m <tenant> <key> <= and the value, nothing where it has none, or * for the rest>
· n <tenant> <key>: how many values have a cell; separated by NUL.
Nothing here may fail: what is recorded in the same step would be lost.
]]
local USAGE_FORM = '>ddddddddddddd'
local USAGE_MOST = 1e12

-- Returns whether the cell is new.
local function addFigures(key, field, figures)
  local before = redis.call('HGET', key, field)
  local sums = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
  if before then sums = {struct.unpack(USAGE_FORM, before)} end
  for i = 1, 13 do
    local amount = figures[i] or 0
    -- An amount that is no number adds nothing.
    if amount > 0 then sums[i] = sums[i] + (amount < USAGE_MOST and amount or USAGE_MOST)
    elseif amount < 0 then sums[i] = sums[i] + (amount > -USAGE_MOST and amount or -USAGE_MOST) end
  end
  redis.call('HSET', key, field, struct.pack(USAGE_FORM, unpack(sums, 1, 13)))
  return not before
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

local function valuesOf(metadata)
  local fine, decoded = pcall(cjson.decode, metadata or '')
  return fine and type(decoded) == 'table' and decoded or {}
end

-- rules: '<keep for, s> <most values> <metadata key> …'; '' = nothing is counted. cells: '<pool> NUL <deployment>' -> figures.
local function countUsage(key, rules, tenant, metadata, cells)
  if rules == '' then return end
  local fresh = false
  for cell, figures in pairs(cells) do
    fresh = addFigures(key, 't\0' .. tenant .. '\0' .. cell, figures) or fresh
  end
  local most, names = string.match(rules, '^%d+ (%d+) (.+)$')
  if names and next(cells) then
    local whole = {}
    for _, figures in pairs(cells) do
      for i = 1, 13 do whole[i] = (whole[i] or 0) + (figures[i] or 0) end
    end
    local values = valuesOf(metadata)
    for name in string.gmatch(names, '%S+') do
      addFigures(key, metadataField(key, tenant .. '\0' .. name, values[name], tonumber(most)), whole)
    end
  end
  if fresh and redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, string.match(rules, '^%d+')) end
end
