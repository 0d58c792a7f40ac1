-- Writes each event of a batch once. Returns 1 (new) or 0 (was there) for each.
-- KEYS[1]  the stream of all events
-- ARGV[1]  the keys' prefix; then for each event:
--   id, json, type, camera, district, capture time in ms, its UTC day, id of the violation it is evidence for or ''
-- The script as a whole is atomic, also in the append-only file: an event is there with all its indexes or not at all.
local prefix, fresh = ARGV[1], {}
for i = 2, #ARGV, 8 do
  local id, json, kind, camera = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local district, ms, day, violation = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7]
  local record = prefix .. 'event:' .. id
  local new = redis.call('HSETNX', record, 'json', json)
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
    if violation ~= '' then
      -- The record may not exist yet: whichever comes second finds the other's half.
      redis.call('HSET', prefix .. 'event:' .. violation, 'evidence', json)
    end
  end
  fresh[#fresh + 1] = new
end
return fresh
