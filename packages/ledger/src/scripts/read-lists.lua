--[[
Rows of a tenant's list in this slot in order of creation, or of all tenants' lists of one kind as if they were one.
KEYS  1 tenants that have such a list, by their newest row  2 the only list to be read (absent = all)
ARGV  1 key prefix of their lists  2 order (asc | desc)  3 rows behind this one: its ms ('' = from the beginning)  4 its id
      5 how many rows
Returns id, ms, id, ms …: fewer rows only where all lists end
Of all, newest first, it looks at the tenants with the newest rows, and at no others once these cannot reach into the page.
]]
local PIECE = 16
local prefix, newestFirst, count = ARGV[1], ARGV[2] == 'desc', tonumber(ARGV[5])
local start = ARGV[3] ~= '' and {tonumber(ARGV[3]), ARGV[4]} or nil

local function precedes(a, b)
  if newestFirst then a, b = b, a end
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] < b[2]
end

local page = {}
-- False when the row has no place on the page; then nothing behind it has.
local function offer(row)
  if #page == count and not precedes(row, page[count]) then return false end
  local from, to = 1, #page + 1
  while from < to do
    local middle = math.floor((from + to) / 2)
    if precedes(page[middle], row) then from = middle + 1 else to = middle end
  end
  table.insert(page, from, row)
  page[count + 1] = nil
  return true
end

local function read(key, skip)
  if newestFirst then
    return redis.call('ZREVRANGEBYSCORE', key, start and start[1] or '+inf', '-inf', 'WITHSCORES', 'LIMIT', skip, PIECE)
  end
  return redis.call('ZRANGEBYSCORE', key, start and start[1] or '-inf', '+inf', 'WITHSCORES', 'LIMIT', skip, PIECE)
end

local function offerAll(key)
  local skip = 0
  repeat
    local rows = read(key, skip)
    for i = 1, #rows, 2 do
      local row = {tonumber(rows[i + 1]), rows[i]}
      if (not start or precedes(start, row)) and not offer(row) then return end
    end
    skip = skip + PIECE
  until #rows < 2 * PIECE
end

if KEYS[2] then offerAll(KEYS[2]) end
local tenants = KEYS[2] and {} or redis.call('ZREVRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #tenants, 2 do
  if newestFirst and #page == count and tonumber(tenants[i + 1]) < page[count][1] then break end
  offerAll(prefix .. tenants[i])
end
local reply = {}
for i = 1, #page do
  reply[2 * i - 1] = page[i][2]
  reply[2 * i] = string.format('%.0f', page[i][1])
end
return reply
