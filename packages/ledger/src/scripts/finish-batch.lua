--[[
Ends a batch whose files are written, and tells who waits for it, in one step.
KEYS  1 batch  2 check  3 outbox  4 seen  5 chunks  6 extents  7 listeners
ARGV  1 id  2 statuses it may have  3 terminal status  4 now ms  5 event JSON without url and tenant  6 changes channel
      7 keep the bitmap for, s  8 extents that its files were written from: their number, '' = it has no files
      9 the last of them  10… field, value pairs
Returns 1 ended · 0 had ended before, or is in another status · -1 no such batch · -2 lines were recorded since its files
        were written
]]
local status, hook, tenant = unpack(redis.call('HMGET', KEYS[1], 'status', 'webhook', 'tenant'))
if not status then return -1 end
if not string.find(' ' .. ARGV[2] .. ' ', ' ' .. status .. ' ', 1, true) then return 0 end
if ARGV[8] ~= '' then
  local last = redis.call('LINDEX', KEYS[6], -1) or ''
  if redis.call('LLEN', KEYS[6]) ~= tonumber(ARGV[8]) or last ~= ARGV[9] then return -2 end
end
redis.call('HSET', KEYS[1], 'status', ARGV[3], ARGV[3] .. '_at', ARGV[4], unpack(ARGV, 10))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[5])
redis.call('EXPIRE', KEYS[4], ARGV[7])
local listened = redis.call('SISMEMBER', KEYS[7], tenant or '') == 1
if listened or (hook and hook ~= '') then
  local url = (hook and hook ~= '') and cjson.encode(hook) or 'null'
  redis.call('XADD', KEYS[3], '*', 'event',
    string.sub(ARGV[5], 1, -2) .. ',"url":' .. url .. ',"tenant":' .. cjson.encode(tenant or '') .. '}')
end
redis.call('PUBLISH', ARGV[6], ARGV[1] .. ' ' .. ARGV[3])
return 1
