-- Writes each event of a batch once. Returns for each 1 (new), 0 (was there, or decides nothing) or 2 (is, or is about,
-- a violation that was deleted; a package that was made of it again goes, too).
-- KEYS[1]  the stream of all events
-- ARGV[1]  the keys' prefix; then for each event:
--   id, json, type, camera, district, capture time in ms, its UTC day, id of the violation it is about or '',
--   state that it gives to a violation or '', number of the decision (0: the violation itself),
--   severity of a violation, plate that it says a violation's vehicle bears or '',
--   what the electronic proceedings are to be told or ''
-- sha256.lua, note.lua and forget.lua stand before this file.
-- The script as a whole is atomic, also in the append-only file: an event is there with all its indexes or not at all.
local prefix, fresh = ARGV[1], {}
local attached = { ['dome.evidence.stored.v1'] = 'evidence', ['dome.plate.read.v1'] = 'plate' }
local queued = { stands = true, needs_review = true }
local SEVERITY_STEP = 1e13 -- above any capture time in ms; both fit into a double's 53 bits

-- The state of a violation is that of its latest decision; of two with one number the first one holds, and the second
-- is not written: whoever made it did not know of the first. Nor is one on a violation that was deleted meanwhile:
-- whoever decides has read it, and half a record would come back.
local function decidable(about, number)
  local held = redis.call('HMGET', prefix .. 'event:' .. about, 'place', 'number')
  return held[1] and tonumber(held[2] or '0') < number
end

-- Puts a violation under its state in every index.
local function place_in_indexes(about, old, state)
  local known = redis.call('HMGET', prefix .. 'event:' .. about, 'district', 'rule', 'ms', 'severity')
  local district, rule, ms = known[1], known[2], known[3]
  local index = prefix .. 'violations:' .. district .. '|'
  for _, base in ipairs({ index .. '|', index .. rule .. '|' }) do
    redis.call('ZADD', base, ms, about)
    if old and old ~= state then redis.call('ZREM', base .. old, about) end
    redis.call('ZADD', base .. state, ms, about)
  end
  local queue = prefix .. 'review:queue:' .. district
  if queued[state] then
    redis.call('ZADD', queue, string.format('%.0f', tonumber(ms) - SEVERITY_STEP * tonumber(known[4])), about)
  else
    redis.call('ZREM', queue, about)
  end
end

local function settle(about, number, state, ms)
  local record = prefix .. 'event:' .. about
  local old = redis.call('HGET', record, 'state')
  if old then redis.call('ZREM', prefix .. 'state:' .. old, about) end
  redis.call('ZADD', prefix .. 'state:' .. state, ms, about)
  redis.call('HSET', record, 'state', state, 'number', number)
  place_in_indexes(about, old, state)
end

-- A person's claim lasts for a while from when it was written.
local function note_claim(about, state, place)
  if state == 'in_review' then
    redis.call('ZADD', prefix .. 'review:claims', string.match(place, '^%d+'), about)
  else
    redis.call('ZREM', prefix .. 'review:claims', about)
  end
end

local function note_plate(about, plate, ms)
  local record = prefix .. 'event:' .. about
  local old = redis.call('HGET', record, 'bears')
  if old == plate then return end
  if old then redis.call('ZREM', prefix .. 'violations:plate:' .. old, about) end
  redis.call('ZADD', prefix .. 'violations:plate:' .. plate, ms, about)
  redis.call('HSET', record, 'bears', plate)
end

local function was_deleted(about, kind)
  if not attached[kind] and not string.find(kind, '^dome%.violation%.') then return false end
  return redis.call('ZSCORE', prefix .. 'violations:deleted', about)
end

-- What a person decided, also by correcting many at once, stands in the audit log, or is not decided.
local function audit_decision(json, district)
  local said = cjson.decode(json).data
  if (said.by or 'machine') == 'machine' and (said.readjudication or '') == '' then return end
  audit_note(prefix, audit_time(prefix, redis_ms()), cjson.encode({
    who = said.by, action = 'violation.decided', subject = said.violation,
    why = said.readjudication ~= '' and said.readjudication or said.detail,
    details = { state = said.state, reason = said.reason, number = said.number, district = district },
  }))
end

-- Where the first event comes, the index of cameras' violations is whole from the beginning; an older Redis lacks it.
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SET', prefix .. 'violations:cameras', 'whole') end

for i = 2, #ARGV, 13 do
  local id, json, kind, camera = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local district, ms, day, violation = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7]
  local state, number = ARGV[i + 8], tonumber(ARGV[i + 9])
  local severity, plate, export = ARGV[i + 10], ARGV[i + 11], ARGV[i + 12]
  local decides = state ~= '' and number > 0
  local record = prefix .. 'event:' .. id
  local new = 0
  if was_deleted(violation ~= '' and violation or id, kind) then
    new = 2
    if attached[kind] == 'evidence' then leave_packages(prefix, violation, json) end
  elseif not decides or decidable(violation, number) then
    new = redis.call('HSETNX', record, 'json', json)
  end
  if new == 1 then
    local place = redis.call('XADD', KEYS[1], '*', 'id', id, 'type', kind, 'camera', camera, 'district', district)
    redis.call('HSET', record, 'place', place)
    for _, narrow in ipairs({ 'type:' .. kind, 'camera:' .. camera }) do
      redis.call('XADD', KEYS[1] .. ':' .. narrow, place,
        'id', id, 'type', kind, 'camera', camera, 'district', district)
    end
    redis.call('ZADD', prefix .. 'times:type:' .. kind, ms, id)
    redis.call('ZADD', prefix .. 'times:camera:' .. camera, ms, id)
    redis.call('ZADD', prefix .. 'times:district:' .. district, ms, id)
    redis.call('HINCRBY', prefix .. 'counts:' .. day, district .. '|' .. kind, 1)
    redis.call('SADD', prefix .. 'days', day)
    redis.call('SADD', prefix .. 'districts', district)
    if decides then
      redis.call('RPUSH', prefix .. 'decisions:' .. violation, id)
      redis.call('HSET', prefix .. 'event:' .. violation, 'decision', json)
      settle(violation, number, state, ms)
      note_claim(violation, state, place)
      audit_decision(json, district)
      if export ~= '' then
        redis.call('XADD', prefix .. 'outbox:proceedings', '*', 'decision', id, 'violation', violation,
          'action', export)
        redis.call('HSET', prefix .. 'filings:' .. violation, id, cjson.encode({
          key = id, violation = violation, district = district, action = export, state = 'waiting',
        }))
      end
    elseif state ~= '' then
      redis.call('HSET', record, 'district', district, 'ms', ms, 'severity', severity,
        'rule', string.match(kind, '^dome%.violation%.(.+)%.v%d+$'))
      redis.call('ZADD', prefix .. 'violations:camera:' .. camera, ms, id)
      settle(id, 0, state, ms)
    elseif violation ~= '' and attached[kind] then
      -- The record may not exist yet: whichever comes second finds the other's half.
      redis.call('HSET', prefix .. 'event:' .. violation, attached[kind], json)
    end
    if violation ~= '' and plate ~= '' then note_plate(violation, plate, ms) end
  end
  fresh[#fresh + 1] = new
end
return fresh
