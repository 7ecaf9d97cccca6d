--[[
  Prolongs the leases of calls still in flight: `renew` in packages/budget.

  KEYS[1…]  leases: sorted set of each budget that limits concurrency
  ARGV[1]   term, ms
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3…]  leases

  Returns   now (µs), then those that some budget no longer knows: they lapsed, and their permit may be in use elsewhere
--]]
local micros = tonumber(ARGV[2])
if micros == 0 then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
end
local lapses = string.format('%.17g', micros / 1000 + tonumber(ARGV[1]))
local reply = { micros }
for i = 3, #ARGV do
  local lost = false
  for _, leases in ipairs(KEYS) do
    if redis.call('ZSCORE', leases, ARGV[i]) then
      redis.call('ZADD', leases, 'XX', lapses, ARGV[i])
    else
      lost = true
    end
  end
  if lost then reply[#reply + 1] = ARGV[i] end
end
return reply
