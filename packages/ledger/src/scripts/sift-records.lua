--[[
Which of a few jobs or batches may be what someone looks for: what is passed over here need not be read.
KEYS  1… their records
ARGV  1 statuses, each with a comma before and behind it ('' = any)  2 whether a model is given (1 | 0)  3 model  4… metadata that it must have: key, value pairs
Returns the places in KEYS of those there are and that match, from 1. Metadata that cannot be read here counts as a match.
]]
local function has(text)
  if #ARGV < 4 then return true end
  local readable, metadata = pcall(cjson.decode, text or '{}')
  if not readable or type(metadata) ~= 'table' then return true end
  for i = 4, #ARGV, 2 do
    if metadata[ARGV[i]] ~= ARGV[i + 1] then return false end
  end
  return true
end

local function stands(status)
  return ARGV[1] == '' or string.find(ARGV[1], ',' .. status .. ',', 1, true)
end

local found = {}
for i = 1, #KEYS do
  local status, model, metadata = unpack(redis.call('HMGET', KEYS[i], 'status', 'model', 'metadata'))
  if status and stands(status) and (ARGV[2] == '0' or model == ARGV[3]) and has(metadata) then
    found[#found + 1] = i
  end
end
return found
