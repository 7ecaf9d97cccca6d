--[[
  Put behind each script that must count once, whose text is the body of `act`: the client sends again what it has had no
  reply to when its connection broke, and it may have been done.

  KEYS[last]  what this process has written: hash, id of a write → its reply; under the tag of the others
  ARGV[1]     id of the write, then ids of writes whose replies have come: they are not sent again
  ARGV[2]     the time in microseconds; 0 = Redis's own (always, outside of tests)

  Returns     what `act` returns: now (µs), 0, …; sent again, the same reply with how long ago it was done (µs) instead of
              the 0
--]]
-- The process may be away for as long, with Redis up; while it writes it is remembered.
local KEPT_MS = 86400000
local written = KEYS[#KEYS]
local ids = {}
for id in string.gmatch(ARGV[1], '%S+') do ids[#ids + 1] = id end
local told = redis.call('HGET', written, ids[1])
if told then
  local reply = numbers(told, 2)
  reply[2] = clock(ARGV[2]) - reply[1]
  return reply
end
local reply = act()
redis.call('HSET', written, ids[1], asText(reply))
if #ids > 1 then redis.call('HDEL', written, unpack(ids, 2)) end
redis.call('PEXPIRE', written, KEPT_MS)
return reply
