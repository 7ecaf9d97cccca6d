--[[
  Everything admission knows of one root, at one moment.

  KEYS[1]   rates (see book.lua)
  KEYS[2]   load (see settle.lua)
  KEYS[3…]  leases: sorted set of the budgets that count calls in flight
  ARGV[1]   the time in microseconds; 0 = Redis's own (always, outside of tests)

  Returns   now (µs), rates and load as flat field-value lists, then the permits in use of each of KEYS[3…]
--]]
local micros = clock(ARGV[1])
local reply = { micros, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
local past = string.format('(%.17g', micros / 1000)
for c = 3, #KEYS do reply[c + 1] = redis.call('ZCOUNT', KEYS[c], past, '+inf') end
return reply
