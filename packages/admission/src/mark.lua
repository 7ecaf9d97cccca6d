--[[
  From now on a deployment's calls that begin from this moment on are counted by themselves (`countSince` in
  packages/budget), from nothing. Done once: a second time it would forget the calls that began since the first.

  KEYS[1]   load (see settle.lua); also `<deployment>|mark`, ms, and `<deployment>|since:<outcome>`
  KEYS[2]   what this process has written (once.lua)
  ARGV[1]   the write (once.lua)
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3]   deployment
  ARGV[4…]  every outcome

  Returns   now (µs), 0 (once.lua)
--]]
local micros = clock(ARGV[2])
for i = 4, #ARGV do redis.call('HDEL', KEYS[1], ARGV[3] .. '|since:' .. ARGV[i]) end
redis.call('HSET', KEYS[1], ARGV[3] .. '|mark', exact(micros / 1000))
return { micros, 0 }
