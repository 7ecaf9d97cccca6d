--[[
Opens an upload in parts.
KEYS  1 upload  2 expiries  3 idempotency (absent when none was given)
ARGV  1 id  2 expires ms  3 request hash  4 idempotency time to live, s  5… field, value pairs
Returns {1, id} created · {2, id} the same key made this before · {3, id} the same key with another request
]]
if redis.call('EXISTS', KEYS[1]) == 1 then return {1, ARGV[1]} end
if KEYS[3] then
  local before = redis.call('GET', KEYS[3])
  if before then
    local hash, id = string.match(before, '^(%S+) (%S+)$')
    if hash == ARGV[3] then return {2, id} end
    return {3, id}
  end
  redis.call('SET', KEYS[3], ARGV[3] .. ' ' .. ARGV[1], 'EX', ARGV[4])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return {1, ARGV[1]}
