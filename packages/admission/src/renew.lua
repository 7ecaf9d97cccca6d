--[[
  Prolongs the leases of calls still in flight: `renew` in packages/budget.

  KEYS[1…]  leases: sorted sets, as KEYS[3…] of book.lua
  ARGV[1]   term, ms
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3…]  leases

  Returns   now (µs), then those that some budget no longer knew: they had lapsed, and count again from now on; or they have
            ended, and whoever renewed them frees them again. Sent again it prolongs again.
--]]
local micros = clock(ARGV[2])
local lapses = exact(micros / 1000 + tonumber(ARGV[1]))
local reply = { micros }
for i = 3, #ARGV do
  local lost = false
  for _, leases in ipairs(KEYS) do
    if redis.call('ZADD', leases, lapses, ARGV[i]) == 1 then lost = true end
  end
  if lost then reply[#reply + 1] = ARGV[i] end
end
return reply
