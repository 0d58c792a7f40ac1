-- Writes each event of a batch once. Returns 1 (new) or 0 (was there) for each.
-- KEYS[1]  the stream of all events
-- ARGV[1]  the keys' prefix; then for each event:
--   id, json, type, camera, district, capture time in ms, its UTC day, id of the violation it is about or '',
--   state that it gives to a violation or '', number of the decision (0: the violation itself)
-- The script as a whole is atomic, also in the append-only file: an event is there with all its indexes or not at all.
local prefix, fresh = ARGV[1], {}
local attached = { ['dome.evidence.stored.v1'] = 'evidence', ['dome.plate.read.v1'] = 'plate' }

-- The state of a violation is that of its latest decision; of two with one number the first one holds, and the second
-- is not written: whoever made it did not know of the first.
local function overtaken(about, number)
  local held = tonumber(redis.call('HGET', prefix .. 'event:' .. about, 'number'))
  return held ~= nil and held >= number
end

local function settle(about, number, state, ms)
  local record = prefix .. 'event:' .. about
  local old = redis.call('HGET', record, 'state')
  if old then redis.call('ZREM', prefix .. 'state:' .. old, about) end
  redis.call('ZADD', prefix .. 'state:' .. state, ms, about)
  redis.call('HSET', record, 'state', state, 'number', number)
end

for i = 2, #ARGV, 10 do
  local id, json, kind, camera = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local district, ms, day, violation = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7]
  local state, number = ARGV[i + 8], tonumber(ARGV[i + 9])
  local decides = state ~= '' and number > 0
  local record = prefix .. 'event:' .. id
  local new = 0
  if not (decides and overtaken(violation, number)) then new = redis.call('HSETNX', record, 'json', json) end
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
    if decides then
      redis.call('RPUSH', prefix .. 'decisions:' .. violation, id)
      redis.call('HSET', prefix .. 'event:' .. violation, 'decision', json)
      settle(violation, number, state, ms)
    elseif state ~= '' then
      -- A decision may have come first.
      if not overtaken(id, 0) then settle(id, 0, state, ms) end
    elseif violation ~= '' and attached[kind] then
      -- The record may not exist yet: whichever comes second finds the other's half.
      redis.call('HSET', prefix .. 'event:' .. violation, attached[kind], json)
    end
  end
  fresh[#fresh + 1] = new
end
return fresh
