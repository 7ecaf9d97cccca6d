--[[
Creates a job, batch, file or upload: the write that makes the 2xx true.
KEYS  1 record  2 zset by the time to look after it  3 idempotency (not used without a request hash)
      4 list of its tenant  5 tenants that have one, by their newest row (4 and 5 absent = it is not listed)
      6 backlog  7 what waits of it by pool (6 and 7 absent = it does not wait to be placed)
ARGV  1 id  2 created ms  3 look after it at ms ('' = never)  4 request hash ('' = no Idempotency-Key was given)
      5 idempotency time to live, s  6 how members of its share of the backlog begin  7 its member
      8 how many of its share are put on the queue at once, per slot  9 when to look after one that is not, ms
      10 tenant of the list  11… field, value pairs
A repeated call with the same id changes nothing (a reply may be lost and the command sent again).
Returns {1, id, how many of its share wait, with it} created · {2, id} the same key made this before · {3, id} the same key with another request
]]
if redis.call('EXISTS', KEYS[1]) == 1 then return {1, ARGV[1]} end
if ARGV[4] ~= '' then
  local before = redis.call('GET', KEYS[3])
  if before then
    local hash, id = string.match(before, '^(%S+) (%S+)$')
    return {hash == ARGV[4] and 2 or 3, id}
  end
  redis.call('SET', KEYS[3], ARGV[4] .. ' ' .. ARGV[1], 'EX', ARGV[5])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 11))
local due, waiting = ARGV[3], 0
if KEYS[6] then
  joinBacklog(KEYS[6], KEYS[7], ARGV[7])
  waiting = redis.call('ZLEXCOUNT', KEYS[6], '[' .. ARGV[6], '[' .. ARGV[6] .. '\244\143\191\191')
  if waiting > tonumber(ARGV[8]) then due = ARGV[9] end
end
if due ~= '' then redis.call('ZADD', KEYS[2], due, ARGV[1]) end
if KEYS[4] then
  redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
  redis.call('ZADD', KEYS[5], 'GT', ARGV[2], ARGV[10])
end
return {1, ARGV[1], waiting}
