--[[
  Nothing that draws on some budgets starts for a while (a provider's retry-after). A pause never shortens another.

  KEYS[1]   rates: hash of the root (see book.lua)
  ARGV[1]   how long, ms
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3…]  `<budget>|pause` of each budget

  Returns   now (µs)
--]]
local micros = tonumber(ARGV[2])
if micros == 0 then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
end
local till = micros / 1000 + tonumber(ARGV[1])
for i = 3, #ARGV do
  local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
  if till > before then redis.call('HSET', KEYS[1], ARGV[i], string.format('%.17g', till)) end
end
return micros
