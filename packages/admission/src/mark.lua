--[[
  From now on a deployment's calls that begin from this moment on are counted by themselves (`countSince` in
  packages/budget), from nothing.

  KEYS[1]   load (see settle.lua); also `<deployment>|mark`, ms, and `<deployment>|since:<outcome>`
  ARGV[1]   deployment
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3…]  every outcome

  Returns   now (µs)
--]]
local micros = clock(ARGV[2])
for i = 3, #ARGV do redis.call('HDEL', KEYS[1], ARGV[1] .. '|since:' .. ARGV[i]) end
redis.call('HSET', KEYS[1], ARGV[1] .. '|mark', exact(micros / 1000))
return micros
