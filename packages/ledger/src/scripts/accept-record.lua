--[[
Creates a job, batch, file or upload: the write that makes the 2xx true.
KEYS  1 record  2 zset by the time to look after it  3 idempotency (not used without a request hash)
      4 list (absent = it is not listed)
ARGV  1 id  2 created ms  3 look after it at ms ('' = never)  4 request hash ('' = no Idempotency-Key was given)
      5 idempotency time to live, s  6… field, value pairs
A repeated call with the same id changes nothing (a reply may be lost and the command sent again).
Returns {1, id} created · {2, id} the same key made this before · {3, id} the same key with another request
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
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1]) end
if KEYS[4] then redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1]) end
return {1, ARGV[1]}
