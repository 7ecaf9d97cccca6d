--[[
The lease of the leader, with a fencing token that only grows. Redis lets a script go on once it has written something that
takes no memory, so that one that is full gets a leader too: what is recorded and ended makes room.
KEYS  1 leader lease  2 token counter
ARGV  1 holder  2 lease ms
Returns the token held (the same while the lease is renewed) · 0 another leads
]]
local held = redis.call('GET', KEYS[1])
if held then
  local holder, token = string.match(held, '^(%S+) (%d+)$')
  if holder ~= ARGV[1] then return 0 end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(token)
end
redis.call('PERSIST', KEYS[2])
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. token, 'PX', ARGV[2])
return token
