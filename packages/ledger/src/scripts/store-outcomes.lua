--[[
Stores what providers answered, before the entries are finished: an answer that arrived is never thrown away.
An answer for a job that has ended is stored too: its cost belongs in the ledger.
KEYS  1 outcomes stream  2… records (job or chunk), one per item
ARGV  1 write id: the same write sent again is seen by it and stores nothing
      then per item: entry id, epoch, number of places, places within the entry (0 for a job), number of fields, field, value …
      (the fields go into the stream entry as they are)
Returns the number of items stored. Sets field d<place> of the record to '<epoch> <write id>': a redelivery looks it up first.
]]
local at = 2
local stored = 0
for i = 2, #KEYS do
  local id, epoch, places = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  local marks = {}
  for _ = 1, places do
    marks[#marks + 1] = 'd' .. ARGV[at]
    marks[#marks + 1] = epoch .. ' ' .. ARGV[1]
    at = at + 1
  end
  local count = tonumber(ARGV[at])
  if redis.call('HGET', KEYS[i], marks[1]) ~= marks[2] then
    if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('HSET', KEYS[i], unpack(marks)) end
    redis.call('XADD', KEYS[1], '*', 'id', id, 'e', epoch, unpack(ARGV, at + 1, at + count))
    stored = stored + 1
  end
  at = at + count + 1
end
return stored
