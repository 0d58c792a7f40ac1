-- Deletes a violation that nobody confirmed, all or nothing: see delete_violation.
-- KEYS[1]  the stream of all events
-- ARGV     the keys' prefix, ms since 1970, the violation's id, its state and the number of its last decision as the
--          asker knew them, why it goes
-- Returns 1, or 0 if somebody has taken a step meanwhile.
-- sha256.lua, note.lua and forget.lua stand before this file.
local prefix, id = ARGV[1], ARGV[3]
local known = redis.call('HMGET', prefix .. 'event:' .. id, 'state', 'number', 'place')
if known[1] ~= ARGV[4] or known[2] ~= ARGV[5] or not known[3] then return 0 end
delete_violation(prefix, KEYS[1], id, tonumber(ARGV[2]), ARGV[6])
return 1
