--[[
  A provider answered 429: `refuse` in packages/budget.

  KEYS[1]   rates: hash of the root (see book.lua)
  KEYS[2…]  leases: sorted sets, as KEYS[3…] of book.lua; last what this process has written (once.lua)
  ARGV[1]   the write (once.lua)
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3]   rules (JSON): budgets: names, the deployment's own first; pacers: [field, rule (see learnt.lua), number of
            the budget, field of what is produced ('': it is not kept by calls under way)]; windows: [dimension, number of the budget]; permits: [limit (0: none), number of the budget]
            of each of KEYS[2…]; slots: which of these calls at once are limited by
  ARGV[4]   refusal (JSON): limit named ('' = none), retryAfterMs (-1: not said), tookMs, leaseMs, random, input and
            output of the call as booked

  Returns   now (µs), 0 (once.lua), the length of the pause, ms
--]]
local rules = cjson.decode(ARGV[3])
local refusal = cjson.decode(ARGV[4])
local limit = refusal.limit
local asked = math.min(LEARNING.mostAskedPauseMs, refusal.retryAfterMs)
local micros = clock(ARGV[2])
local now = micros / 1000
local DIMENSIONS = { rpm = 1, tpm = 2, itpm = 3, otpm = 4 }
local own = rules.budgets[1]

local fields = { 'emptied', own .. '|lesson' }
for _, budget in ipairs(rules.budgets) do
  fields[#fields + 1] = budget .. '|pause'
  fields[#fields + 1] = budget .. '|sent'
end
local first = #fields
for _, pacer in ipairs(rules.pacers) do
  fields[#fields + 1] = pacer[1]
  fields[#fields + 1] = pacer[1] .. '|learnt'
  fields[#fields + 1] = pacer[4]
end
local stored = redis.call('HMGET', KEYS[1], unpack(fields))
local emptied = tonumber(stored[1] or 0)

local function set(field, value) redis.call('HSET', KEYS[1], field, value) end
local function dimensionOf(pacer) return string.match(pacer[1], '([^|]+)$') end

-- What the refused call was counted as is taken out again.
local sent, paused = {}, {}
local before = 0
for b, budget in ipairs(rules.budgets) do
  local count = rolled(stored[2 + 2 * b], now)
  count[3] = math.max(0, count[3] - 1)
  count[4] = math.max(0, count[4] - refusal.input)
  count[5] = math.max(0, count[5] - refusal.output)
  sent[b] = count
  set(budget .. '|sent', asText(count))
  paused[b] = tonumber(stored[1 + 2 * b] or 0)
  if paused[b] > before then before = paused[b] end
end

-- The budgets that limit what was named, if any does; else all.
local concerned, some = {}, false
for p, pacer in ipairs(rules.pacers) do
  if dimensionOf(pacer) == limit and paceOf(pacer[2], stored[first + 3 * p - 1], now) then
    concerned[pacer[3]], some = true, true
  end
end
for _, window in ipairs(rules.windows) do
  if window[1] == limit then concerned[window[2]], some = true, true end
end

local function pause(till)
  for b, budget in ipairs(rules.budgets) do
    if (concerned[b] or not some) and till > paused[b] then set(budget .. '|pause', exact(till)) end
  end
end

if now - refusal.tookMs < before then
  if asked >= 0 then pause(now + asked) end
  if limit == 'concurrency' then
    -- It was counted in flight when the slots were lowered, and has not passed either.
    local field = rules.budgets[rules.permits[rules.slots][2]] .. '|slots'
    local slots = numbers(redis.call('HGET', KEYS[1], field) or nil, 3)
    if slots[3] == 1 and now - refusal.tookMs < slots[2] then
      slots[1] = math.max(1, slots[1] - LEARNING.kept)
      set(field, asText(slots))
    end
  end
  return { micros, 0, 0 }
end

local lesson = numbers(stored[2], 2)
local refusals = lesson[1]
local wait = asked
if wait < 0 then
  local base = limit == 'concurrency' and LEARNING.leastPauseMs or LEARNING.pauseMs
  wait = math.min(LEARNING.mostPauseMs, base * 2 ^ refusals) * (0.5 + 0.5 * refusal.random)
end
if wait < LEARNING.leastPauseMs then wait = LEARNING.leastPauseMs end
local till = now + wait
set(own .. '|lesson', asText({ refusals + 1, refusals == 0 and till or lesson[2] }))
pause(till)
local reply = { micros, 0, math.ceil(wait) }

if limit == 'concurrency' then
  if refusals > 0 then return reply end
  local permit = rules.permits[rules.slots]
  local field = rules.budgets[permit[2]] .. '|slots'
  local held = liveLeases(KEYS[1 + rules.slots], emptied, refusal.leaseMs, now)
  local most = slotsOf(redis.call('HGET', KEYS[1], field), permit[1], false, now)
  set(field, asText({ math.max(1, math.min(held, most) * LEARNING.kept), now, 1 }))
  return reply
end
if limit ~= '' and not DIMENSIONS[limit] then return reply end

-- Of the known limits that it may mean the one booked furthest ahead, else the deployment's own.
local function producedIn(p)
  local produced = rules.pacers[p][4] ~= '' and numbers(stored[first + 3 * p], 6)
  return produced and isSpeedKnown(produced) and produced or nil
end
local target, furthest = DIMENSIONS[limit] or 1, -1
for p, pacer in ipairs(rules.pacers) do
  local unit, burst = paceOf(pacer[2], stored[first + 3 * p - 1], now)
  if unit and (limit == '' or dimensionOf(pacer) == limit) then
    local at = tonumber(stored[first + 3 * p - 2] or 0)
    if emptied > 0 and at < emptied + burst then at = emptied + burst end
    local produced = producedIn(p)
    if produced then at = now + PRODUCING.fullMs - levelAt(produced, emptied, now) end
    if at > furthest then target, furthest = p, at end
  end
end
local function chargeOf(amount)
  local charges = { 1, refusal.input + refusal.output, refusal.input, refusal.output }
  return charges[amount]
end
local field, rule, budget = unpack(rules.pacers[target])
local text = stored[first + 3 * target - 1]
if refusals == 0 then
  local _, _, _, pace = paceOf(rule, text, now)
  local passed = perMinute(sent[budget], rule[1], now)
  local learnt = numbers(text, 5)
  local known = knownPace(rule, learnt, now)
  if known < math.huge and ceilingPace(learnt, now) >= known * (2 - LEARNING.kept) then
    -- The first in a while that contradicts what is known is only marked.
    learnt[3], learnt[5] = pace, LEARNING.retryMs
  elseif pace then
    -- A limit that is low for such a call, and that headers confirm: one call came a moment early.
    local charge = chargeOf(rule[1])
    local slow = rule[2] > 0 and charge * 60000 / pace >= LEARNING.slowMs
      and now - learnt[2] < LEARNING.reportedMs and learnt[1] >= rule[2]
    if slow then passed = passed + charge * 60000 / LEARNING.spanMs end
    learnt[3] = math.min(pace, math.max(passed, pace / 2))
    learnt[5] = slow and LEARNING.confirmedMs or 0
  elseif sentLately(sent[budget], 1, now) < LEARNING.tellingCalls and now - learnt[4] >= LEARNING.markedMs then
    -- No limit is known, and one 429 after few calls says nothing of it.
    learnt[3] = 0
  else
    local least = chargeOf(rule[1]) * 60000 / LEARNING.mostPauseMs
    learnt[3], learnt[5] = math.max(1, least, passed), 0
  end
  learnt[4] = now
  text = asText(learnt)
  set(field .. '|learnt', text)
end
local unit, burst = paceOf(rule, text, now)
local produced = producedIn(target)
if unit and produced then
  set(rules.pacers[target][4], asText(levelAtMost(produced, 0, emptied, now)))
elseif unit then
  local at = tonumber(stored[first + 3 * target - 2] or 0)
  if emptied > 0 and at < emptied + burst then at = emptied + burst end
  set(field, exact(math.max(at, till + burst)))
end
return reply
