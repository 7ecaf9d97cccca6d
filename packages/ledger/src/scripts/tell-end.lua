--[[
Stands before each script that ends a job or batch: writes the event for who waits for it, in the same step.
event: JSON without url and tenant ('' = none is to be told) · hook: its own webhook_url · listeners: the tenants that have
a webhook endpoint
]]
local function tellEnd(outbox, listeners, event, hook, tenant)
  local wanted = hook and hook ~= ''
  if event == '' or not (wanted or redis.call('SISMEMBER', listeners, tenant or '') == 1) then return end
  local url = wanted and cjson.encode(hook) or 'null'
  redis.call('XADD', outbox, '*', 'event',
    string.sub(event, 1, -2) .. ',"url":' .. url .. ',"tenant":' .. cjson.encode(tenant or '') .. '}')
end
