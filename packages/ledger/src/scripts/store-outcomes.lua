--[[
Stores what providers answered, before the entries are finished: an answer that arrived is never thrown away. Also where Redis is
full (see take-lead): it is recorded, and makes more room than it took. Nothing is called then that was not called before.
An answer for a job that has ended is stored too: its cost belongs in the ledger.
KEYS  1 outcomes stream  2 what this writer has written  3… records (job or chunk), one per item
ARGV  1 number of the write, which grows from write to write of a writer  2 how long it is remembered, s
      then per item: entry id, epoch, number of places, places within the entry (0 for a job), number of fields, field, value …
      (the fields go into the stream entry as they are)
Returns the number of items stored; 0 when the write came again: also after its answers were recorded, which takes them from the
        stream and from the records.
Sets field d<place> of the record to the epoch: a redelivery looks it up first.
]]
if tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('PERSIST', KEYS[2])
local at = 3
for i = 3, #KEYS do
  local id, epoch, places = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  local marks = {}
  for _ = 1, places do
    marks[#marks + 1] = 'd' .. ARGV[at]
    marks[#marks + 1] = epoch
    at = at + 1
  end
  local count = tonumber(ARGV[at])
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('HSET', KEYS[i], unpack(marks)) end
  redis.call('XADD', KEYS[1], '*', 'id', id, 'e', epoch, unpack(ARGV, at + 1, at + count))
  at = at + count + 1
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return #KEYS - 2
