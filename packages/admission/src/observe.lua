--[[
  Believes a provider that says less is left of a limit than we thought: `observe` in packages/budget.

  KEYS[1]   rates: hash of the root (see book.lua)
  ARGV[1]   pacers (JSON): [field, what is left in ms of rate, burstMs]
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)

  Returns   now (µs)
--]]
local micros = tonumber(ARGV[2])
if micros == 0 then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
end
local now = micros / 1000
for _, pacer in ipairs(cjson.decode(ARGV[1])) do
  local fullAt = now + pacer[3] - pacer[2]
  local before = tonumber(redis.call('HGET', KEYS[1], pacer[1]) or 0)
  if fullAt > before then redis.call('HSET', KEYS[1], pacer[1], string.format('%.17g', fullAt)) end
end
return micros
