-- Removes a report, or what came of one that never came (files, an upload), with everything that points at it and the
-- events that told of it, and notes that its files must go; and says so in the audit log.
-- KEYS[1]  the stream of all events
-- ARGV     the keys' prefix; the id; ms by which it must be due, or '' where it goes in any case; folders of its
--          files, a JSON list; ids of events, a JSON list; JSON text of an audit entry
-- Returns 1, or 0 if it is not due: it was sent, or somebody took a step, at this moment.
-- sha256.lua, note.lua and forget.lua stand before this file.
local prefix, id = ARGV[1], ARGV[2]
local due = redis.call('ZSCORE', prefix .. 'reports:due', id)
if ARGV[3] ~= '' and (not due or tonumber(due) > tonumber(ARGV[3])) then return 0 end
local record = prefix .. 'report:' .. id
local known = redis.call('HMGET', record, 'district', 'channel', 'state')
local district = 'district:' .. (known[1] or '')
redis.call('DEL', record)
for _, index in ipairs({ district, district .. '|' .. (known[3] or ''), 'channel:' .. (known[2] or ''), 'todo', 'due',
  'open' }) do
  redis.call('ZREM', prefix .. 'reports:' .. index, id)
end
for _, each in ipairs(cjson.decode(ARGV[5])) do
  local place = redis.call('HGET', prefix .. 'event:' .. each, 'place')
  local entry = place and redis.call('XRANGE', KEYS[1], place, place)[1]
  if entry then forget_event(prefix, KEYS[1], entry) end
end
for _, folder in ipairs(cjson.decode(ARGV[4])) do redis.call('SADD', prefix .. 'reports:unremoved', folder) end
audit_note(prefix, audit_time(prefix, redis_ms()), ARGV[6])
return 1
