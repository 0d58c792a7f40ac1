-- Deletes a violation that nobody confirmed, with its decisions, its plate and what is said of its package, all or nothing.
-- KEYS[1]  the stream of all events
-- ARGV     the keys' prefix, ms since 1970, the violation's id, its state and the number of its last decision as the
--          asker knew them, the folders of its packages as JSON texts in a JSON list, the entry of the audit log
-- Returns 1, or 0 if somebody has taken a step meanwhile.
-- sha256.lua, note.lua and forget.lua stand before this file.
local prefix, id = ARGV[1], ARGV[3]
local record = prefix .. 'event:' .. id
local known = redis.call('HMGET', record, 'state', 'number', 'place', 'evidence', 'plate')
if known[1] ~= ARGV[4] or known[2] ~= ARGV[5] or not known[3] then return 0 end

local ids = redis.call('LRANGE', prefix .. 'decisions:' .. id, 0, -1)
for _, json in ipairs({ known[4] or '', known[5] or '' }) do
  if json ~= '' then ids[#ids + 1] = cjson.decode(json).id end
end
ids[#ids + 1] = id
for _, each in ipairs(ids) do
  local place = redis.call('HGET', prefix .. 'event:' .. each, 'place')
  local entry = place and redis.call('XRANGE', KEYS[1], place, place)[1]
  if entry then forget_event(prefix, KEYS[1], entry) end
end
for _, folder in ipairs(cjson.decode(ARGV[6])) do redis.call('SADD', prefix .. 'violations:unremoved', folder) end
audit_note(prefix, audit_time(prefix, tonumber(ARGV[2])), ARGV[7])
return 1
