--[[
  Takes in what an answer's headers say of limits per minute: `observe` in packages/budget.

  KEYS[1]   rates: hash of the root (see book.lua)
  ARGV[1]   reports (JSON): limit, remaining (-1: not said), meant: which of `pacers` the report is about; pacers:
            [field, rule (see learnt.lua), field of what is produced ('': it is not kept by calls under way)] of that
            dimension in every budget drawn on
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)

  Returns   now (µs)
--]]
local micros = clock(ARGV[2])
local now = micros / 1000

local function observe(report, emptied)
  local meant = report.pacers[report.meant]
  local text = redis.call('HGET', KEYS[1], meant[1] .. '|learnt')
  local fresh = paceOf(meant[2], text, now) == nil
  local learnt = numbers(text, 5)
  learnt[1], learnt[2] = report.limit, now
  redis.call('HSET', KEYS[1], meant[1] .. '|learnt', asText(learnt))
  local left = report.remaining
  if left < 0 then
    if not fresh then return end
    left = 0
  end
  for _, pacer in ipairs(report.pacers) do
    local stored = redis.call('HMGET', KEYS[1], pacer[1], pacer[1] .. '|learnt', pacer[3])
    local unit, burst = paceOf(pacer[2], stored[2], now)
    local produced = pacer[3] ~= '' and numbers(stored[3], 6)
    if unit and produced and isSpeedKnown(produced) then
      redis.call('HSET', KEYS[1], pacer[3], asText(levelAtMost(produced, left * unit, emptied, now)))
    elseif unit then
      local before = tonumber(stored[1] or 0)
      if emptied > 0 and before < emptied + burst then before = emptied + burst end
      -- What is left is told in whole units: it is news where our level has a whole unit more.
      local level = burst - math.max(0, before - now)
      if level >= (left + 1) * unit then
        redis.call('HSET', KEYS[1], pacer[1], exact(now + burst - left * unit))
      end
    end
  end
end

local emptied = tonumber(redis.call('HGET', KEYS[1], 'emptied') or 0)
for _, report in ipairs(cjson.decode(ARGV[1])) do observe(report, emptied) end
return micros
