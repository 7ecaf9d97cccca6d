--[[
  Ends calls that were booked: frees their permits, corrects what was charged, counts how they ended. The copy in Lua
  of `settle` and `countEnded` in packages/budget, which are the specification.

  KEYS[1]   rates: hash of the root (see book.lua); also `<budget>|<dimension>|credit`, ms of rate,
            and `<budget>|<dimension>|given`: given givenAt (pacer.ts)
  KEYS[2]   load: hash of the deployments' counters, `<deployment>|<counter>`
  KEYS[3…]  leases: as in book.lua; last what this process has written (once.lua)

  ARGV[1]   the write (once.lua)
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3]   corrections (JSON): pacers: [field, units, rule (see learnt.lua), mostCreditMs, units of produced output]; windows: [field, more, less, binMs,
            bins]; only those that change. longestMs: the longest call's duration; margin: how much earlier still
            to give back. booked: what to add to the count of booked calls. answers: how many were answered,
            quickestMs: how long the quickest of these took, own: the deployment's own budget; answered: those whose usage
            is known: how many, their output tokens and ms, summed; produced: [budget, field of the pacer, its rule, number of its
            leases in KEYS from 3 on] of each limit that is kept by calls under way
  ARGV[4]   tally (JSON) as packages/budget makes it, without `failures`, plus mostInputTokens and mostOutputs; each:
            how long each call took, ms, and how it ended (`took outcome took outcome …`); durations: what the keys of
            windows of durations begin with, a window's length and how long it is kept, ms, and bucket, answered calls,
            bucket, calls … (see durations.ts); empty for calls that were not made
  ARGV[5]   failures (JSON): class, count, class, count …
  ARGV[6]   deployment
  ARGV[7…]  leases

  Returns   now (µs), 0 (once.lua)
  Effects   also adds to `<durations.key><window>`, a hash under the tag of KEYS, `<deployment>|<bucket>`
--]]
local change = cjson.decode(ARGV[3])
local deployment = ARGV[6]
local micros = clock(ARGV[2])
local now = micros / 1000

-- Fields of pacers that stand aside for what calls under way produce. Leases of ended calls are gone by now.
local flowing = {}
local function settleProduced()
  for _, limit in ipairs(change.produced) do
    local field = limit[1] .. '|produced'
    local stored = redis.call('HMGET', KEYS[1], 'emptied', limit[2] .. '|learnt', field)
    local unit = paceOf(limit[3], stored[2], now)
    if unit then
      local before = numbers(stored[3], 6)
      flowing[limit[2]] = isSpeedKnown(before)
      local level = levelAt(before, tonumber(stored[1] or 0), now)
      local calls = redis.call('ZCARD', KEYS[2 + limit[4]])
      redis.call('HSET', KEYS[1], field, asText(afterAnswers(before, change.answered, level, calls, unit, now)))
    end
  end
end

local function settleRates()
  local pacers, windows = change.pacers, change.windows
  if #pacers == 0 and #windows == 0 then return end
  local fields = { 'emptied' }
  for _, pacer in ipairs(pacers) do
    fields[#fields + 1] = pacer[1]
    fields[#fields + 1] = pacer[1] .. '|credit'
    fields[#fields + 1] = pacer[1] .. '|learnt'
    fields[#fields + 1] = pacer[1] .. '|given'
  end
  for _, window in ipairs(windows) do fields[#fields + 1] = window[1] end
  local stored = redis.call('HMGET', KEYS[1], unpack(fields))
  local emptied = tonumber(stored[1] or 0)
  local changed = {}
  local function set(field, value)
    changed[#changed + 1] = field
    changed[#changed + 1] = value
  end
  for p, pacer in ipairs(pacers) do
    local unit, burst = paceOf(pacer[3], stored[4 * p], now)
    if unit and not flowing[pacer[1]] then
      local fullAt = tonumber(stored[4 * p - 2] or 0)
      if emptied > 0 and fullAt < emptied + burst then fullAt = emptied + burst end
      local balance = tonumber(stored[4 * p - 1] or 0) - pacer[2] * unit
      local credit = 0
      if balance >= 0 then
        credit = balance < pacer[4] and balance or pacer[4]
      else
        fullAt = (fullAt > now and fullAt or now) - balance
      end
      local debt = pacer[5] * unit
      if debt ~= 0 then
        local before = numbers(stored[1 + 4 * p], 2)
        local given = math.max(0, before[1] - math.max(0, now - before[2]) * GIVEN_SHARE)
        if debt > 0 then
          fullAt = (fullAt > now and fullAt or now) + debt
          given = math.max(0, given - debt)
        else
          local gives = math.max(0, math.min(-debt, pacer[4] / 2 - given))
          fullAt, given = fullAt - gives, given + gives
        end
        set(pacer[1] .. '|given', asText({ given, now }))
      end
      set(pacer[1], exact(fullAt))
      set(pacer[1] .. '|credit', exact(credit))
    end
  end
  for w, window in ipairs(windows) do
    local more, less, width, count = window[2], window[3], window[4], window[5]
    local oldest = math.floor(now / width) - count
    local giveTo = math.floor((now - change.longestMs - change.margin) / width)
    local index, amount, at = {}, {}, 0
    for i, a in string.gmatch(stored[1 + 4 * #pacers + w] or '', '(%d+):(%S+)') do
      i = tonumber(i)
      if i >= oldest then
        index[#index + 1], amount[#amount + 1] = i, tonumber(a)
        if i <= giveTo then at = #index end
      end
    end
    if less > 0 and at > 0 then
      local rest = amount[at] - less
      amount[at] = rest > 0 and rest or 0
    end
    local current, n = math.floor(now / width), #index
    if more > 0 then
      if n == 0 or index[n] < current then
        index[n + 1], amount[n + 1] = current, more
      else
        amount[n] = amount[n] + more
      end
    end
    local text = {}
    for i = 1, #index do text[i] = string.format('%d:%.17g', index[i], amount[i]) end
    set(window[1], table.concat(text, ' '))
  end
  if #changed > 0 then redis.call('HSET', KEYS[1], unpack(changed)) end
end

-- Answers let a slow start go on, and one to a call made after the last lesson ends the row of refusals.
local function learn()
  if change.answers == 0 then return end
  local own = change.own
  local stored = redis.call('HMGET', KEYS[1], own .. '|slots', own .. '|lesson')
  local slots = freshSlots(stored[1], now)
  if slots and slots[1] < LEARNING.mostSlots then
    if redis.call('ZCARD', KEYS[3]) * 2 >= slots[1] then
      slots[1] = slots[1] + (slots[3] == 1 and (change.answers * LEARNING.slotsStep) / slots[1] or change.answers)
    end
    slots[2] = now
    redis.call('HSET', KEYS[1], own .. '|slots', asText(slots))
  end
  local lesson = stored[2] and numbers(stored[2], 2)
  if lesson and lesson[1] > 0 and now - change.quickestMs >= lesson[2] then
    redis.call('HSET', KEYS[1], own .. '|lesson', asText({ 0, lesson[2] }))
  end
end

local function countDurations(durations)
  local counts = durations.counts
  if #counts == 0 then return end
  local key = durations.key .. string.format('%d', math.floor(now / durations.windowMs))
  local isNew = false
  for i = 1, #counts, 2 do
    local calls = redis.call('HINCRBY', key, deployment .. '|' .. counts[i], counts[i + 1])
    isNew = isNew or calls == counts[i + 1]
  end
  if isNew then redis.call('PEXPIRE', key, durations.keepMs) end
end

local COUNTERS = {
  'ended', 'ok', 'consecutiveFailures', 'latencySumMs', 'meanLatencyMs',
  'characters', 'inputTokens', 'cachedTokens', 'outputTokens', 'outputs', 'costUsd',
}

local function count()
  local calls = cjson.decode(ARGV[4])
  local fields = {}
  for i, name in ipairs(COUNTERS) do fields[i] = deployment .. '|' .. name end
  local stored = redis.call('HMGET', KEYS[2], deployment .. '|mark', unpack(fields))
  local mark = tonumber(table.remove(stored, 1) or 0)
  local c = {}
  for i, name in ipairs(COUNTERS) do c[name] = tonumber(stored[i] or 0) end

  local weight = (c.ok == 0 and calls.ok > 0) and 1 or calls.latencyWeight
  c.meanLatencyMs = c.meanLatencyMs + weight * (calls.latencyMs - c.meanLatencyMs)
  c.consecutiveFailures = (calls.answered and 0 or c.consecutiveFailures) + calls.trailingFailures
  for _, name in ipairs({ 'ended', 'ok', 'latencySumMs', 'characters', 'inputTokens', 'cachedTokens', 'outputTokens', 'outputs', 'costUsd' }) do
    c[name] = c[name] + calls[name]
  end
  if c.inputTokens > calls.mostInputTokens then
    c.inputTokens, c.cachedTokens, c.characters = c.inputTokens * 0.5, c.cachedTokens * 0.5, c.characters * 0.5
  end
  if c.outputs > calls.mostOutputs then
    c.outputs, c.outputTokens = c.outputs * 0.5, c.outputTokens * 0.5
  end

  -- `countSince`: of the calls that began after the mark.
  if mark > 0 then
    for took, outcome in string.gmatch(calls.each, '(%S+) (%S+)') do
      if now - tonumber(took) >= mark then
        redis.call('HINCRBY', KEYS[2], deployment .. '|since:' .. outcome, 1)
      end
    end
  end

  local changed = {}
  for i, name in ipairs(COUNTERS) do
    changed[2 * i - 1], changed[2 * i] = fields[i], exact(c[name])
  end
  local failures = cjson.decode(ARGV[5])
  for i = 1, #failures, 2 do
    redis.call('HINCRBY', KEYS[2], deployment .. '|failed:' .. failures[i], failures[i + 1])
  end
  if #failures > 0 then
    local n = #changed
    changed[n + 1], changed[n + 2] = deployment .. '|lastFailure', calls.lastFailure
    changed[n + 3], changed[n + 4] = deployment .. '|lastFailureAt', exact(now)
  end
  redis.call('HSET', KEYS[2], unpack(changed))
  countDurations(calls.durations)
end

learn()
if #ARGV >= 7 then
  for c = 3, #KEYS - 1 do redis.call('ZREM', KEYS[c], unpack(ARGV, 7)) end
end
settleProduced()
settleRates()
if ARGV[4] ~= '' then count() end
if change.booked ~= 0 then redis.call('HINCRBY', KEYS[2], deployment .. '|booked', change.booked) end
return { micros, 0 }
