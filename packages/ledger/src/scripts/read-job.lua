--[[
Reads a job without the request, and with the answer only where it is small.
KEYS  1 job
ARGV  1 bytes of the largest answer to bring along
Returns field, value pairs; an answer that was left out is told by the field 'left_out'. Empty: there is no such job.
]]
local fields = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if name ~= 'body' and name ~= 'result_body' then fields[#fields + 1] = name end
end
if #fields == 0 then return {} end
local answer = redis.call('HSTRLEN', KEYS[1], 'result_body')
local small = answer > 0 and answer <= tonumber(ARGV[1])
if small then fields[#fields + 1] = 'result_body' end
local values = redis.call('HMGET', KEYS[1], unpack(fields))
local pairs_of = {}
for i = 1, #fields do
  pairs_of[2 * i - 1] = fields[i]
  pairs_of[2 * i] = values[i]
end
if answer > 0 and not small then
  pairs_of[#pairs_of + 1] = 'left_out'
  pairs_of[#pairs_of + 1] = '1'
end
return pairs_of
