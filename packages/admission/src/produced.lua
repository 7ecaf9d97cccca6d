--[[
  Put before each script too: the copy in Lua of packages/budget's produced.ts, limits on output that are kept by calls under
  way. PRODUCING holds that package's figures. Stored as text:
  `<budget>|produced`            calls tokens ms level at slope
--]]
local function isSpeedKnown(produced)
  return produced[1] >= PRODUCING.leastCalls and produced[2] > 0 and produced[3] > 0
end

local function loadOf(produced, unit) return (produced[2] / produced[3]) * unit end

local function levelAt(produced, emptied, now)
  local level, from = produced[4], produced[5]
  if emptied > from then level, from = math.min(0, level), emptied end
  if now > from then level = level + (now - from) * produced[6] end
  return math.min(PRODUCING.fullMs, level)
end

local function callsAtOnce(produced, level, unit, batch)
  local kept = batch and PRODUCING.keptMs or 0
  local callMs = math.max(PRODUCING.shortestMs, produced[3] / produced[1])
  local spending = 1 + (level - kept) / callMs
  return math.max(0, math.ceil(spending / loadOf(produced, unit)))
end

-- So many calls are under way from now on.
local function underWay(produced, level, calls, unit, now)
  local slope = 1 - calls * loadOf(produced, unit)
  return { produced[1], produced[2], produced[3], level, now, slope }
end

-- `answered`: how many, their output tokens and ms, summed.
local function afterAnswers(before, answered, level, calls, unit, now)
  local known = isSpeedKnown(before)
  local supposed = known and loadOf(before, unit) * answered[3] or 0
  local right = known and level - (answered[2] * unit - supposed) or before[4]
  local after = { before[1] + answered[1], before[2] + answered[2], before[3] + answered[3] }
  if after[1] > PRODUCING.mostCalls then
    for i = 1, 3 do after[i] = after[i] * 0.5 end
  end
  right = math.min(PRODUCING.fullMs, right)
  if isSpeedKnown(after) then return underWay(after, right, calls, unit, now) end
  return { after[1], after[2], after[3], right, now, 0 }
end

-- Sets the level to what is left at most.
local function levelAtMost(produced, most, emptied, now)
  local level = math.min(levelAt(produced, emptied, now), most)
  return { produced[1], produced[2], produced[3], level, now, produced[6] }
end

