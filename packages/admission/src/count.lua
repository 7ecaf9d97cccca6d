--[[
  Counts what neither a booking nor its end does.

  KEYS[1]   load (see settle.lua)
  KEYS[2]   what this process has written (once.lua)
  ARGV[1]   the write (once.lua)
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3…]  field, how many, field, how many …

  Returns   now (µs), 0
--]]
for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
return { clock(ARGV[2]), 0 }
