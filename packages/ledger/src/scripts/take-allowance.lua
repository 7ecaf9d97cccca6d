--[[
Counts a tenant's request and the jobs it adds, if all its refusing limits allow it, or nothing. By Redis's clock. The
inequalities are those of `mayBeAccepted` (fairness), which also words the refusal from the facts returned here.
KEYS  1 allowance (requests_full_at, queued, left and two marks of it)  2 open (zset: id by when it came, ms)
      3 lines (hash: id -> jobs of it that are open)  4 spent (hash: quarter of an hour -> US dollars)
      5 taken (set: what this process took that may be sent again)
ARGV  1 id of the job or batch  2 jobs it adds  3 requests_per_minute  4 max_queued  5 usd_per_day ('' = unlimited each)
      6 name of this taking  7… names of those that are not sent again
Returns {1} counted · {0, now ms, requests full at ms, queued, jobs that left per ms ('' = not known), US dollars in 24 h,
        when so many of them are older than that that the rest is below usd_per_day, ms ('' = not known, or no reason)}
Sent again it finds its name, and counts nothing; one that was refused counted nothing, and is looked at anew.
]]
local MINUTE, DAY, QUARTER = 60000, 86400000, 900000
-- Longer than anybody waits for an answer.
local KEPT_MS = 600000
if #ARGV > 6 then redis.call('SREM', KEYS[5], unpack(ARGV, 7)) end
if redis.call('SISMEMBER', KEYS[5], ARGV[6]) == 1 then return {1} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local full, queued, left, markAt, markLeft, beforeAt, beforeLeft = unpack(redis.call('HMGET', KEYS[1],
  'requests_full_at', 'queued', 'left', 'mark_at', 'mark_left', 'before_at', 'before_left'))
full, queued, left = tonumber(full or '0'), tonumber(queued or '0'), tonumber(left or '0')
local rpm, most, usd = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local adds = tonumber(ARGV[2])

if not markAt or now - tonumber(markAt) >= MINUTE then
  beforeAt, beforeLeft = markAt or now, markLeft or left
  redis.call('HSET', KEYS[1], 'mark_at', now, 'mark_left', left, 'before_at', beforeAt, 'before_left', beforeLeft)
end
local passed = now - tonumber(beforeAt)
local drain = passed >= 1000 and string.format('%.17g', (left - tonumber(beforeLeft)) / passed) or ''

local spent, quarters = 0, {}
local rows = usd and redis.call('HGETALL', KEYS[4]) or {}
for i = 1, #rows, 2 do
  local start = tonumber(rows[i]) * QUARTER
  if start + QUARTER + DAY <= now then redis.call('HDEL', KEYS[4], rows[i])
  else
    spent = spent + tonumber(rows[i + 1])
    quarters[#quarters + 1] = {start, tonumber(rows[i + 1])}
  end
end

local step = rpm and MINUTE / rpm or 0
local tooMany = rpm and math.max(0, full - now) + step - math.max(MINUTE, step) > step / 1000
if tooMany or (most and queued + adds > most) or (usd and spent >= usd) then
  table.sort(quarters, function(a, b) return a[1] < b[1] end)
  local less, rest = '', spent
  for _, quarter in ipairs(usd and spent >= usd and quarters or {}) do
    rest = rest - quarter[2]
    if less == '' and rest < usd then less = string.format('%.0f', quarter[1] + QUARTER + DAY) end
  end
  return {0, now, string.format('%.17g', full), queued, drain, string.format('%.17g', spent), less}
end
if rpm then redis.call('HSET', KEYS[1], 'requests_full_at', string.format('%.17g', math.max(full, now) + step)) end
if most and adds > 0 and redis.call('HSETNX', KEYS[3], ARGV[1], adds) == 1 then
  redis.call('ZADD', KEYS[2], now, ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'queued', adds)
end
redis.call('SADD', KEYS[5], ARGV[6])
redis.call('PEXPIRE', KEYS[5], KEPT_MS)
return {1}
