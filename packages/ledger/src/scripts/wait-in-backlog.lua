--[[
Stands before each script that puts a job into the backlog of its slot or takes it out: what waits is counted by pool in
the same step.
backlog: the zset · pools: how many of each pool are in it · member: as in backlog.ts, its third part is the pool
]]
local function poolIn(member) return string.match(member, '^%Z*%z%Z*%z(%Z*)%z') or '' end

local function joinBacklog(backlog, pools, member)
  if redis.call('ZADD', backlog, 0, member) == 1 then redis.call('HINCRBY', pools, poolIn(member), 1) end
end

local function leaveBacklog(backlog, pools, member)
  if redis.call('ZREM', backlog, member) == 0 then return end
  -- Of an empty backlog nothing waits, whatever a count from before it was kept so says.
  if redis.call('EXISTS', backlog) == 0 then redis.call('DEL', pools)
  elseif redis.call('HINCRBY', pools, poolIn(member), -1) <= 0 then redis.call('HDEL', pools, poolIn(member)) end
end
