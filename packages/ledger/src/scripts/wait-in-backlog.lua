--[[
Stands before each script that puts a job into the backlog of its slot or takes it out: what waits is counted by pool in
the same step.
backlog: the zset · pools: how many of each pool are in it · member: as in backlog.ts
]]
local function poolIn(member) return string.match(member, '^%Z*%z%Z*%z(%Z*)%z') or '' end

local function joinBacklog(backlog, pools, member)
  if redis.call('ZADD', backlog, 0, member) == 1 then redis.call('HINCRBY', pools, poolIn(member), 1) end
end

local function leaveBacklog(backlog, pools, member, pool)
  if redis.call('ZREM', backlog, member) == 0 then return end
  if redis.call('HINCRBY', pools, pool, -1) <= 0 then redis.call('HDEL', pools, pool) end
end
