-- Removes events with everything that points at them; for scripts that delete. sha256.lua and note.lua stand before.
local function forget_violation(prefix, id, district)
  local known = redis.call('HMGET', prefix .. 'event:' .. id, 'state', 'rule', 'bears')
  local state, rule, plate = known[1], known[2], known[3]
  if plate then redis.call('ZREM', prefix .. 'violations:plate:' .. plate, id) end
  if not state then return end
  redis.call('ZREM', prefix .. 'state:' .. state, id)
  redis.call('ZREM', prefix .. 'review:queue:' .. district, id)
  redis.call('ZREM', prefix .. 'review:claims', id)
  redis.call('ZREM', prefix .. 'outbox:refused', id)
  local index = prefix .. 'violations:' .. district .. '|'
  for _, base in ipairs({ index .. '|', index .. (rule or '') .. '|' }) do
    redis.call('ZREM', base, id)
    redis.call('ZREM', base .. state, id)
  end
end

local function forget_record(prefix, id, district)
  forget_violation(prefix, id, district)
  redis.call('DEL', prefix .. 'event:' .. id, prefix .. 'decisions:' .. id, prefix .. 'filings:' .. id)
end

-- events: the stream of all events; entry: the event's there. Returns 1, or 0 where it had gone already.
local function forget_event(prefix, events, entry)
  local place, fields = entry[1], entry[2]
  local id, kind, camera, district = fields[2], fields[4], fields[6], fields[8]
  forget_record(prefix, id, district)
  local gone = redis.call('XDEL', events, place)
  redis.call('XDEL', events .. ':type:' .. kind, place)
  redis.call('XDEL', events .. ':camera:' .. camera, place)
  redis.call('ZREM', prefix .. 'times:type:' .. kind, id)
  redis.call('ZREM', prefix .. 'times:camera:' .. camera, id)
  redis.call('ZREM', prefix .. 'times:district:' .. district, id)
  redis.call('ZREM', prefix .. 'violations:camera:' .. camera, id)
  return gone
end

-- Notes where the packages of a violation lie, as some events say, for whoever removes them; of an average speed there
-- are two.
local function leave_packages(prefix, violation, ...)
  for _, json in ipairs({ ... }) do
    local data = json and cjson.decode(json).data or {}
    for _, name in ipairs({ 'evidence', 'folder', 'entry_folder' }) do
      local folder = data[name]
      if type(folder) == 'string' and folder ~= '' then
        redis.call('SADD', prefix .. 'violations:unremoved', cjson.encode({ folder = folder, violation = violation }))
      end
    end
  end
end

local REMEMBERED_MS = 366 * 86400000 -- archives that are older are seldom kept

-- What is known of violations that were deleted, by hashes alone: see deleted.py.
local function remember_deleted(prefix, id, camera, kind, ms, now_ms)
  local slot = string.format('%.0f', math.floor(tonumber(ms) / 100))
  local until_ms = string.format('%.0f', now_ms + REMEMBERED_MS)
  local mark = string.sub(sha256(camera .. '|' .. kind .. '|' .. slot), 1, 32)
  redis.call('ZADD', prefix .. 'violations:deleted', until_ms, id, until_ms, mark)
end

-- Deletes a violation with its decisions, its plate, what is said of its package and, later, that; and says so in the
-- audit log. Takes about a millisecond, most of it for the log. Returns how many events it was.
local function delete_violation(prefix, events, id, now_ms, why)
  local known = redis.call('HMGET', prefix .. 'event:' .. id, 'json', 'evidence', 'plate', 'state')
  local ids = redis.call('LRANGE', prefix .. 'decisions:' .. id, 0, -1)
  for _, json in ipairs({ known[2], known[3] }) do
    if json then ids[#ids + 1] = cjson.decode(json).id end
  end
  ids[#ids + 1] = id
  local gone, kind, camera, district, ms = 0, '', '', '', '0'
  for _, each in ipairs(ids) do
    local place = redis.call('HGET', prefix .. 'event:' .. each, 'place')
    local entry = place and redis.call('XRANGE', events, place, place)[1]
    if entry then
      kind, camera, district = entry[2][4], entry[2][6], entry[2][8] -- at last the violation's own
      ms = redis.call('ZSCORE', prefix .. 'times:camera:' .. camera, each) or '0'
      gone = gone + forget_event(prefix, events, entry)
    end
  end
  -- Only now: a Redis that is full refuses a script whose first change needs memory.
  leave_packages(prefix, id, known[1], known[2])
  local at = audit_time(prefix, math.min(now_ms, redis_ms()))
  remember_deleted(prefix, id, camera, kind, ms, math.max(now_ms, tonumber(at)))
  audit_note(prefix, at, cjson.encode({
    who = 'system', action = 'violation.deleted', subject = id, why = why,
    details = { state = known[4] or '', district = district },
  }))
  return gone
end
