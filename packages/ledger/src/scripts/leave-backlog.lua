--[[
Takes out of the backlog what has no place to wait for any more.
KEYS  1 backlog  2 what waits of it by pool
ARGV  1 its member
Returns 1
]]
leaveBacklog(KEYS[1], KEYS[2], ARGV[1], poolIn(ARGV[1]))
return 1
