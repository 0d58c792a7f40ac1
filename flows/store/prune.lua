-- Removes the oldest events with everything that points at them; counters stay.
-- KEYS[1]  the stream of all events
-- ARGV     the keys' prefix, the first time of writing (ms) to keep, the most events to keep, the most to remove now,
--          and the one type of events to look at, or ''
-- Returns how many were removed.
local prefix, limit, only = ARGV[1], tonumber(ARGV[4]), ARGV[5]
local walk = only == '' and KEYS[1] or KEYS[1] .. ':type:' .. only
local surplus = redis.call('XLEN', walk) - tonumber(ARGV[3])
local removed = 0

local function forget_violation(id, district)
  local known = redis.call('HMGET', prefix .. 'event:' .. id, 'state', 'rule', 'bears')
  local state, rule, plate = known[1], known[2], known[3]
  if not state then return end
  redis.call('ZREM', prefix .. 'state:' .. state, id)
  if plate then redis.call('ZREM', prefix .. 'violations:plate:' .. plate, id) end
  redis.call('ZREM', prefix .. 'review:queue:' .. district, id)
  redis.call('ZREM', prefix .. 'review:claims', id)
  local index = prefix .. 'violations:' .. district .. '|'
  for _, base in ipairs({ index .. '|', index .. (rule or '') .. '|' }) do
    redis.call('ZREM', base, id)
    redis.call('ZREM', base .. state, id)
  end
end

for _, entry in ipairs(redis.call('XRANGE', walk, '-', '+', 'COUNT', limit)) do
  local place, fields = entry[1], entry[2]
  local written_ms = tonumber(string.match(place, '^%d+'))
  if written_ms >= tonumber(ARGV[2]) and removed >= surplus then break end
  local id, kind, camera, district = fields[2], fields[4], fields[6], fields[8]
  forget_violation(id, district)
  redis.call('DEL', prefix .. 'event:' .. id, prefix .. 'decisions:' .. id, prefix .. 'filings:' .. id)
  redis.call('XDEL', KEYS[1], place)
  redis.call('XDEL', KEYS[1] .. ':type:' .. kind, place)
  redis.call('XDEL', KEYS[1] .. ':camera:' .. camera, place)
  redis.call('ZREM', prefix .. 'times:type:' .. kind, id)
  redis.call('ZREM', prefix .. 'times:camera:' .. camera, id)
  redis.call('ZREM', prefix .. 'times:district:' .. district, id)
  removed = removed + 1
end
return removed
