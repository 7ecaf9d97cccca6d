--[[
How many lines of these chunks are being called now.
KEYS  chunks
Returns the number
]]
local lines = 0
for _, key in ipairs(KEYS) do
  local status, left = unpack(redis.call('HMGET', key, 'status', 'left'))
  if status == 'running' then lines = lines + (tonumber(left) or 0) end
end
return lines
