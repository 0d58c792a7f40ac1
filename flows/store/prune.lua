-- Removes the oldest events with everything that points at them; counters stay.
-- KEYS[1]  the stream of all events
-- ARGV     the keys' prefix, the first time of writing (ms) to keep, the most events to keep, the most to remove now,
--          and the one type of events to look at, or ''
-- Returns how many were removed.
local prefix, limit, only = ARGV[1], tonumber(ARGV[4]), ARGV[5]
local walk = only == '' and KEYS[1] or KEYS[1] .. ':type:' .. only
local surplus = redis.call('XLEN', walk) - tonumber(ARGV[3])
local removed = 0
for _, entry in ipairs(redis.call('XRANGE', walk, '-', '+', 'COUNT', limit)) do
  local place, fields = entry[1], entry[2]
  local written_ms = tonumber(string.match(place, '^%d+'))
  if written_ms >= tonumber(ARGV[2]) and removed >= surplus then break end
  local id, kind, camera, district = fields[2], fields[4], fields[6], fields[8]
  local state = redis.call('HGET', prefix .. 'event:' .. id, 'state')
  if state then redis.call('ZREM', prefix .. 'state:' .. state, id) end
  redis.call('DEL', prefix .. 'event:' .. id, prefix .. 'decisions:' .. id)
  redis.call('XDEL', KEYS[1], place)
  redis.call('XDEL', KEYS[1] .. ':type:' .. kind, place)
  redis.call('XDEL', KEYS[1] .. ':camera:' .. camera, place)
  redis.call('ZREM', prefix .. 'times:type:' .. kind, id)
  redis.call('ZREM', prefix .. 'times:camera:' .. camera, id)
  redis.call('ZREM', prefix .. 'times:district:' .. district, id)
  removed = removed + 1
end
return removed
