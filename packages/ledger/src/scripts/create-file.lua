--[[
Records a file whose bytes are in the store.
KEYS  1 file  2 files  3 expiries  4 idempotency (absent when none was given)
ARGV  1 id  2 now ms  3 expires ms ('' = never)  4 request hash  5 idempotency time to live, s  6… field, value pairs
Returns {1, id} created · {2, id} the same key made this before · {3, id} the same key with another request
]]
if redis.call('EXISTS', KEYS[1]) == 1 then return {1, ARGV[1]} end
if KEYS[4] then
  local before = redis.call('GET', KEYS[4])
  if before then
    local hash, id = string.match(before, '^(%S+) (%S+)$')
    if hash == ARGV[4] then return {2, id} end
    return {3, id}
  end
  redis.call('SET', KEYS[4], ARGV[4] .. ' ' .. ARGV[1], 'EX', ARGV[5])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
return {1, ARGV[1]}
