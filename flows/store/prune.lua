-- Removes the oldest events with everything that points at them; counters stay.
-- KEYS[1]  the stream of all events
-- ARGV     the keys' prefix, the first time of writing (ms) to keep, the most events to keep, the most to remove now,
--          and the one type of events to look at, or ''
-- Returns how many were removed. forget.lua stands before this file.
local prefix, limit, only = ARGV[1], tonumber(ARGV[4]), ARGV[5]
local walk = only == '' and KEYS[1] or KEYS[1] .. ':type:' .. only
local surplus = redis.call('XLEN', walk) - tonumber(ARGV[3])
local removed = 0

for _, entry in ipairs(redis.call('XRANGE', walk, '-', '+', 'COUNT', limit)) do
  local written_ms = tonumber(string.match(entry[1], '^%d+'))
  if written_ms >= tonumber(ARGV[2]) and removed >= surplus then break end
  forget_event(prefix, KEYS[1], entry)
  removed = removed + 1
end
return removed
