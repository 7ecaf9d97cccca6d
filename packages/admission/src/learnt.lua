--[[
  What the scripts have in common, put before each of them: the clock, and the copies in Lua of packages/budget's
  learnt.ts (the pace that follows from a rule and from what was learnt), sent.ts and slots.ts. LEARNING holds that
  package's figures.

  A pacer's rule is [amount, limit (0: not configured), share, burstMs, batchShare, 1 for requests]. Stored as text:
  `<budget>|<dimension>|learnt`  reported reportedAt ceiling loweredAt spentMs
  `<budget>|sent`                index since, then requests input output of the current span and of the one before
  `<budget>|slots`               size at taught (1 or 0)
  `<budget>|lesson`              refusals lessonUntil
--]]
local function clock(micros)
  micros = tonumber(micros)
  if micros ~= 0 then return micros end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function exact(number) return string.format('%.17g', number) end

local function numbers(text, count)
  local found = {}
  if text then
    for part in string.gmatch(text, '%S+') do found[#found + 1] = tonumber(part) end
  end
  for i = #found + 1, count do found[i] = 0 end
  return found
end

local function asText(list)
  local parts = {}
  for i = 1, #list do parts[i] = exact(list[i]) end
  return table.concat(parts, ' ')
end

-- The pace that is configured or reported, and the one that 429s taught; math.huge where there is none.
local function knownPace(rule, learnt, now)
  local rate = math.huge
  if rule[2] > 0 then rate = rule[2] * rule[3] end
  local reported = learnt[1]
  if reported > 0 and now - learnt[2] < LEARNING.reportedMs and (rule[2] == 0 or reported < rule[2]) then
    rate = math.min(rate, reported * LEARNING.reportedShare)
  end
  return rate
end

local function ceilingPace(learnt, now)
  local ceiling = learnt[3]
  if ceiling <= 0 or now - learnt[4] >= LEARNING.keptMs then return math.huge end
  local x = learnt[5] / LEARNING.retryMs - 1
  return ceiling * (1 + (1 - LEARNING.kept) * x * x * x)
end

-- The pace of a rule: ms per unit, burst and batch's part of it, units per minute; nil where no limit is known.
local function paceOf(rule, text, now)
  local learnt = numbers(text, 5)
  local rate = math.min(knownPace(rule, learnt, now), ceilingPace(learnt, now))
  if rate == math.huge then return nil end
  local unit = 60000 / rate
  local burst = rule[4]
  if rule[6] == 1 and unit > burst then burst = unit end
  return unit, burst, burst * rule[5], rate
end

-- Whether an interactive call that asked at that moment still keeps a reserve; `text` nil: none did.
local function isReserved(text, reserve, now)
  return text and now < tonumber(text) + reserve.forMs or false
end

-- What was sent, as it counts now: index, since, current (3-5), before (6-8).
local function rolled(text, now)
  local index = math.floor(now / LEARNING.spanMs)
  local sent = text and numbers(text, 8)
  if not sent or index > sent[1] + 1 then return { index, now, 0, 0, 0, 0, 0, 0 } end
  if index == sent[1] + 1 then return { index, sent[2], 0, 0, 0, sent[3], sent[4], sent[5] } end
  return sent
end

-- Requests (1), or tokens of a kind (2 both, 3 input, 4 output), of about the last ten seconds; then per minute.
local function sentLately(sent, amount, now)
  local function amountIn(from)
    if amount == 1 then return sent[from] end
    if amount == 2 then return sent[from + 1] + sent[from + 2] end
    return sent[from + amount - 2]
  end
  local young = now - sent[2] < LEARNING.spanMs
  local left = young and 1 or 1 - (now / LEARNING.spanMs - sent[1])
  return amountIn(3) + amountIn(6) * left
end

local function perMinute(sent, amount, now)
  local span, elapsed = LEARNING.spanMs, now - sent[2]
  if elapsed < span then span = math.max(LEARNING.leastSpanMs, elapsed) end
  return sentLately(sent, amount, now) * 60000 / span
end

-- Slots that still count: size, at, taught; nil where there are none.
local function freshSlots(text, now)
  if not text then return nil end
  local slots = numbers(text, 3)
  local kept = slots[3] == 1 and LEARNING.keptMs or LEARNING.slotsKeptMs
  return now - slots[2] < kept and slots or nil
end

-- Calls at once that a budget allows; `limit` 0: none is configured.
local function slotsOf(text, limit, starting, now)
  local most = limit > 0 and limit or math.huge
  local slots = freshSlots(text, now)
  if slots and slots[3] == 1 then return math.min(most, math.floor(slots[1])) end
  if not starting then return most end
  local size = slots and slots[1] or LEARNING.firstSlots
  return size >= LEARNING.mostSlots and most or math.min(most, size)
end

local function liveLeases(key, emptied, term, now)
  if emptied == 0 or now >= emptied + term then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', exact(now))
  end
  return redis.call('ZCARD', key)
end

