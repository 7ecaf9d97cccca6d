--[[
  Books a prefix of some calls against every budget they draw on, or says how long to wait, and passes over those that a
  limit per day or month holds up for long. The copy in Lua of
  `book` in packages/budget, which is the specification: a property test holds the two together.

  KEYS[1]   rates: hash of the root: `<budget>|<dimension>` when a bucket is full again, ms, or `bin:amount …` of a
            window; `<budget>|pause` nothing starts before, ms; `<budget>|interactive` when a
            call of that band last asked, ms; `run`, `emptied` see below; what was learnt: learnt.lua
  KEYS[2]   load: hash of the deployments' counters
  KEYS[3…]  leases: sorted set of the deployment's own budget and of each other that limits concurrency: lease →
            when it lapses, ms; last what this process has written (once.lua)

  ARGV[1]   the write (once.lua)
  ARGV[2]   the time in microseconds; 0 = Redis's own (always, outside of tests)
  ARGV[3]   rules (JSON): deployment; fields of KEYS[1] to read: run, emptied, then of each budget pause, sent,
            slots, interactive and produced, of each pacer its field and what was learnt, and windows; budgets: how many; own: how many pacers
            are of the deployment's own budget, hole: what a booking may leave unused of the others, ms; reserve: how long (forMs)
            an interactive call leaves one, and horizonMs beside it; pacers:
            [amount, limit, share, burstMs, batchShare, 1 for requests, number of the budget,
            part of the burst that batch may use without interactive calls]; windows: [amount, limit, binMs, bins];
            permits: [limit (0: none), number of the budget, number of the pacer that is kept by calls under way (0: none)] of each
            of KEYS[3…]
  ARGV[4]   costs (JSON): input, output, usd of each call in turn
  ARGV[5]   band: interactive | batch
  ARGV[6]   horizon, ms
  ARGV[7]   lease term, ms
  ARGV[8]   run id of the server as the caller knows it
  ARGV[9]   1 if the caller has seen the server under another run id before
  ARGV[10]  how long a limit per day or month may hold a call up, ms: beyond that it is passed over
  ARGV[11…] leases, one per call

  Returns   now (µs), 0 (once.lua), wait for the first call not granted (µs, -1: none), what binds (position in pauses, pacers,
            windows, permits; 0: nothing; negative: it cannot be booked ahead), how many were passed over, the position of
            each of these from 0, then the delay of each granted call (µs, rounded up)
  Effects   charges pacers and windows, adds leases, counts the granted calls as booked; a server that came back
            under another run id empties every bucket and gives all leases one term (`emptied`)
--]]
local rules = cjson.decode(ARGV[3])
local costs = cjson.decode(ARGV[4])
local batch = ARGV[5] == 'batch'
local horizon = tonumber(ARGV[6])
local term = tonumber(ARGV[7])
local micros = clock(ARGV[2])
local passOver = tonumber(ARGV[10])
local now = micros / 1000
local stored = redis.call('HMGET', KEYS[1], unpack(rules.fields))

-- A restart may have lost bookings, so every bucket is taken to be empty at that moment. The caller's run id can be
-- older than a restart; the server is asked only when the two differ.
local emptied = tonumber(stored[2] or 0)
if stored[1] ~= ARGV[8] then
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ARGV[8]
  if stored[1] ~= run then
    local anew = not stored[1] and ARGV[9] ~= '1'
    emptied = anew and 0 or now
    redis.call('HSET', KEYS[1], 'run', run, 'emptied', exact(emptied))
  end
end

local opens, opensBy = now, 0
-- By budget: whether interactive calls have asked lately, so that batch leaves them a reserve.
local reserved = {}
for i = 1, rules.budgets do
  local till = tonumber(stored[5 * i - 2] or 0)
  if till > opens then opens, opensBy = till, i end
  reserved[i] = isReserved(stored[5 * i + 1], rules.reserve, now)
  if batch and reserved[i] and horizon > rules.reserve.horizonMs then horizon = rules.reserve.horizonMs end
  if not batch and #costs > 0 then redis.call('HSET', KEYS[1], rules.fields[5 * i + 1], exact(now)) end
end

local pacers, windows, permits = rules.pacers, rules.windows, rules.permits
local firstPacer = rules.budgets
local firstWindow = firstPacer + #pacers
local firstPermit = firstWindow + #windows
local pacerFields = 2 + 5 * rules.budgets
local windowFields = pacerFields + 2 * #pacers

-- Pacers whose limit is known: the others have no unit.
local fullAt, unit, bursts, learnt = {}, {}, {}, {}
local known = false
for p = 1, #pacers do
  local text = stored[pacerFields + 2 * p]
  local ms, burst, batchBurst = paceOf(pacers[p], text, now)
  if ms then
    known = true
    unit[p], bursts[p] = ms, burst
    if batch then bursts[p] = reserved[pacers[p][7]] and batchBurst or burst * pacers[p][8] end
    local at = tonumber(stored[pacerFields + 2 * p - 1] or 0)
    if emptied > 0 and at < emptied + burst then at = emptied + burst end
    -- What no provider remembers any more is forgotten for good, also where nothing is granted.
    local most = now + (ms > LONGEST_DEBT_MS and ms or LONGEST_DEBT_MS)
    if at > most then
      at = most
      redis.call('HSET', KEYS[1], rules.fields[pacerFields + 2 * p - 1], exact(at))
    end
    fullAt[p] = at
    if text then
      local taught = numbers(text, 5)
      if taught[3] > 0 then learnt[p] = taught end
    end
  end
end

-- A window's bins: `older` is the sum of all but the newest.
local bins = {}
for w = 1, #windows do
  local bin = { older = 0, index = {}, amount = {} }
  local oldest = math.floor(now / windows[w][3]) - windows[w][4]
  for index, amount in string.gmatch(stored[windowFields + w] or '', '(%d+):(%S+)') do
    index = tonumber(index)
    if index >= oldest then
      local n = #bin.index
      if n > 0 then bin.older = bin.older + bin.amount[n] end
      bin.index[n + 1], bin.amount[n + 1] = index, tonumber(amount)
    end
  end
  bins[w] = bin
end

for c = 1, #permits do
  if permits[c][1] > 0 then known = true end
end
local left, leftBy = math.huge, 0
-- By pacer that stands aside for what calls under way produce: what is known of that, and the calls.
local flowing = {}
for c = 1, #permits do
  local limit, b, p = unpack(permits[c])
  local held = liveLeases(KEYS[2 + c], emptied, term, now)
  local slots = slotsOf(stored[5 * b], limit, c == 1 and not known, now)
  local produced = p > 0 and unit[p] and numbers(stored[5 * b + 2], 6)
  if produced and isSpeedKnown(produced) then
    local level = levelAt(produced, emptied, now)
    slots = math.min(slots, callsAtOnce(produced, level, unit[p], batch))
    flowing[p] = { budget = b, produced = produced, level = level, held = held }
  end
  if slots - held < left then left, leftBy = slots - held, firstPermit + c end
end
local permitAt = now + 50

local function roomAt(bin, window, amount)
  if amount > window[2] then return now + window[3] end
  local used = bin.older + (bin.amount[#bin.amount] or 0)
  local at = now
  for i = 1, #bin.index do
    if used + amount <= window[2] then break end
    at = (bin.index[i] + window[4] + 1) * window[3]
    used = used - bin.amount[i]
  end
  return at
end

local reply = { micros, 0, -1, 0 }
local granted = 0
local delays, passedOver = {}, {}
local newest = now + horizon
local amounts = { 1, 0, 0, 0, 0 }
local scored = {}
local sent = {}
for b = 1, rules.budgets do sent[b] = rolled(stored[5 * b - 1], now) end
-- Charges the call whose `amounts` stand, number `call` from 0, for its start.
local function grant(start, call)
  for p = 1, #pacers do
    local cost = unit[p] and amounts[pacers[p][1]] * unit[p] or 0
    if cost > 0 then
      if not flowing[p] then fullAt[p] = (fullAt[p] > start and fullAt[p] or start) + cost end
      if learnt[p] then learnt[p][5] = learnt[p][5] + cost end
    end
  end
  for w = 1, #windows do
    local bin, amount = bins[w], amounts[windows[w][1]]
    if amount > 0 then
      local n = #bin.index
      local index = math.floor(newest / windows[w][3])
      if n == 0 or bin.index[n] < index then
        if n > 0 then bin.older = bin.older + bin.amount[n] end
        bin.index[n + 1], bin.amount[n + 1] = index, amount
      else
        bin.amount[n] = bin.amount[n] + amount
      end
    end
  end
  for b = 1, rules.budgets do
    local count = sent[b]
    count[3], count[4], count[5] = count[3] + 1, count[4] + amounts[3], count[5] + amounts[4]
  end
  granted = granted + 1
  delays[granted] = math.ceil((start - now) * 1000)
  scored[2 * granted - 1] = exact(start + term)
  scored[2 * granted] = ARGV[11 + call]
end

for i = 1, #costs, 3 do
  local input, output = costs[i], costs[i + 1]
  amounts[2], amounts[3], amounts[4], amounts[5] = input + output, input, output, costs[i + 2]
  local start, by, over = opens, opensBy, false
  local call = (i - 1) / 3
  for p = 1, #pacers do
    local cost = unit[p] and not flowing[p] and amounts[pacers[p][1]] * unit[p] or 0
    if cost > 0 then
      local spare = bursts[p] - cost
      local at = fullAt[p] - (spare > 0 and spare or 0)
      if at > start then start, by = at, firstPacer + p end
    end
  end
  for w = 1, #windows do
    local window, bin = windows[w], bins[w]
    local amount = amounts[window[1]]
    if amount > 0 and bin.older + (bin.amount[#bin.amount] or 0) + amount > window[2] then
      local at = roomAt(bin, window, amount)
      if at - now > passOver then over = true end
      if at > start then start, by = at, firstWindow + w end
    end
  end
  local permitted = granted < left
  local ahead = true
  for p = rules.own + 1, #pacers do
    local free = unit[p] and not flowing[p] and (fullAt[p] > now and fullAt[p] or now)
    if free and amounts[pacers[p][1]] > 0 and start - free > rules.hole then ahead = false end
  end
  if over then
    passedOver[#passedOver + 1] = call
  elseif not permitted or start > newest or not ahead then
    if not permitted and start <= permitAt then start, by = permitAt, leftBy end
    reply[3], reply[4] = math.ceil((start - now) * 1000), ahead and by or -by
    break
  else
    grant(start, call)
  end
end

reply[5] = #passedOver
for i = 1, #passedOver do reply[5 + i] = passedOver[i] end
for i = 1, granted do reply[5 + #passedOver + i] = delays[i] end
if granted == 0 then return reply end

local changed = {}
local function set(field, value)
  changed[#changed + 1] = rules.fields[field]
  changed[#changed + 1] = value
end
for b = 1, rules.budgets do set(5 * b - 1, asText(sent[b])) end
if not known and not freshSlots(stored[5], now) then set(5, asText({ LEARNING.firstSlots, now, 0 })) end
for p = 1, #pacers do
  if unit[p] and not flowing[p] then set(pacerFields + 2 * p - 1, exact(fullAt[p])) end
  if learnt[p] then set(pacerFields + 2 * p, asText(learnt[p])) end
end
for p, flow in pairs(flowing) do
  -- By the pace that these calls leave.
  local ms = learnt[p] and paceOf(pacers[p], asText(learnt[p]), now) or unit[p]
  local after = underWay(flow.produced, flow.level, flow.held + granted, ms, now)
  set(5 * flow.budget + 2, asText(after))
end
for w = 1, #windows do
  local text = {}
  for i = 1, #bins[w].index do
    text[i] = string.format('%d:%.17g', bins[w].index[i], bins[w].amount[i])
  end
  set(windowFields + w, table.concat(text, ' '))
end
redis.call('HSET', KEYS[1], unpack(changed))
for c = 1, #permits do
  redis.call('ZADD', KEYS[2 + c], unpack(scored))
end
redis.call('HINCRBY', KEYS[2], rules.deployment .. '|booked', granted)
return reply
