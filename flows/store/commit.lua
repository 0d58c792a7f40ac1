-- One change of the searches with the audit entries that belong to it: all of it, or, if a guard fails, none.
-- sha256.lua and note.lua stand before this file.
-- ARGV[1]  the keys' prefix
-- ARGV[2]  JSON:
--   now       ms since 1970
--   ahead     it is believed up to so many ms ahead of Redis's own clock; absent: however far it is
--   strict    true: refuse if the clock has gone back by more than a minute
--   guards    {command, expected}: the command's answer must be that (as text; false: nothing)
--   commands  what is changed
--   drop      {who, why, case, leads: 'unconfirmed' | 'all', probes: their ids, route}: what a case loses, or
--             {who, why, case, lead}: one lead goes
--   alert     {lead, fields ...}: is put into the stream of alerts; where is remembered until the lead is deleted
--   extend    {case, ms, grace}: its unconfirmed leads may live until then, or their own deadline, and so many ms more
--   entries   JSON texts of audit entries without seq, at, prev and hash
-- Returns {1, time of its entries, leads, probes and routes that went}, or {0, number of the guard, what came instead}.
-- Time never goes back here: the latest one that was ever seen holds (the key "clock").
local prefix, ask = ARGV[1], cjson.decode(ARGV[2])
local call = redis.call

local mark = tonumber(call('GET', prefix .. 'clock') or '0')
if ask.strict and ask.now < mark - 60000 then return { 0, -1, string.format('%.0f', mark) } end
for i, guard in ipairs(ask.guards) do
  local got = call(unpack(guard[1]))
  if got ~= false then got = tostring(got) end
  if got ~= guard[2] then return { 0, i - 1, got } end
end
-- A Redis that is full refuses a script whose first change needs memory. What stops or ends something, or is written
-- down, needs little and must be possible then, too; what begins or comes in waits for room.
if not ask.strict and not ask.alert then call('DEL', prefix .. 'nothing') end
local now = math.max(mark, ask.ahead and math.min(ask.now, redis_ms() + ask.ahead) or ask.now)
call('SET', prefix .. 'clock', string.format('%.0f', now))
local now_text = audit_time(prefix, now)

local function note(body) audit_note(prefix, now_text, body) end

local gone = 0
local alerts = prefix .. 'alerts'
local function drop_lead(case, id, drop)
  local alert = call('HGET', alerts .. ':places', id) -- not of its record, which may have expired ...
    or call('HGET', prefix .. 'lead:' .. id, 'alert') -- ... but where an earlier version has written it there alone
  if alert then call('XDEL', alerts, alert) end
  call('HDEL', alerts .. ':places', id)
  call('DEL', prefix .. 'lead:' .. id)
  call('ZREM', prefix .. 'leads:due', case .. '/' .. id)
  call('ZREM', prefix .. 'case:' .. case .. ':leads', id)
  if drop.lead then call('SADD', prefix .. 'case:' .. case .. ':gone', id) end
  note(cjson.encode({ who = drop.who, action = 'lead.deleted', case = case, subject = id, why = drop.why }))
  gone = gone + 1
end

local function confirmed(id)
  local state = call('HGET', prefix .. 'lead:' .. id, 'state')
  return state == 'confirmed' or state == 'dispatched'
end

local function drop_case(drop)
  local case = prefix .. 'case:' .. drop.case
  for _, id in ipairs(call('ZRANGE', case .. ':leads', 0, -1)) do
    if drop.leads == 'all' or not confirmed(id) then
      drop_lead(drop.case, id, drop)
    else
      call('HDEL', prefix .. 'lead:' .. id, 'template')
    end
  end
  call('DEL', case .. ':gone')
  for _, id in ipairs(drop.probes) do
    note(cjson.encode({ who = drop.who, action = 'probe.deleted', case = drop.case, subject = id, why = drop.why }))
    gone = gone + 1
  end
  if #drop.probes > 0 then call('DEL', case .. ':probes') end
  if drop.route and call('DEL', case .. ':route') == 1 then
    note(cjson.encode({ who = drop.who, action = 'route.deleted', case = drop.case, why = drop.why }))
    gone = gone + 1
  end
end

for _, body in ipairs(ask.entries) do note(body) end
for _, command in ipairs(ask.commands) do call(unpack(command)) end
for _, drop in ipairs(ask.drop) do
  if drop.lead then drop_lead(drop.case, drop.lead, drop) else drop_case(drop) end
end
if ask.alert then
  local place = call('XADD', alerts, 'MAXLEN', '~', 10000, '*', unpack(ask.alert))
  call('HSET', alerts .. ':places', ask.alert[2], place)
end
if ask.extend then
  for _, id in ipairs(call('ZRANGE', prefix .. 'case:' .. ask.extend[1] .. ':leads', 0, -1)) do
    local due = call('ZSCORE', prefix .. 'leads:due', ask.extend[1] .. '/' .. id)
    local last = math.min(tonumber(due or 0), ask.extend[2]) + ask.extend[3]
    if due and not confirmed(id) then call('PEXPIREAT', prefix .. 'lead:' .. id, string.format('%.0f', last)) end
  end
end
return { 1, now_text, gone }
