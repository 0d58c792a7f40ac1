-- Removes one event with everything that points at it; for scripts that delete.
local function forget_violation(prefix, id, district)
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

-- events: the stream of all events; entry: the event's there.
local function forget_event(prefix, events, entry)
  local place, fields = entry[1], entry[2]
  local id, kind, camera, district = fields[2], fields[4], fields[6], fields[8]
  forget_violation(prefix, id, district)
  redis.call('DEL', prefix .. 'event:' .. id, prefix .. 'decisions:' .. id, prefix .. 'filings:' .. id)
  redis.call('XDEL', events, place)
  redis.call('XDEL', events .. ':type:' .. kind, place)
  redis.call('XDEL', events .. ':camera:' .. camera, place)
  redis.call('ZREM', prefix .. 'times:type:' .. kind, id)
  redis.call('ZREM', prefix .. 'times:camera:' .. camera, id)
  redis.call('ZREM', prefix .. 'times:district:' .. district, id)
end
