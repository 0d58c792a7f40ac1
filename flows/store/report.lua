-- Writes reports, all or none: new ones unless they are known, changed ones unless somebody was faster.
-- KEYS[1]  the index of open reports by place
-- ARGV[1]  the keys' prefix; then for each report:
--   id, version that it must have now or '' if it must be new, its new version, json, district, received ms,
--   longitude, latitude, '1' while it is open
-- Returns '' if all were written, else the id of the first that could not be.
local prefix = ARGV[1]
for i = 2, #ARGV, 9 do
  local held = redis.call('HGET', prefix .. 'report:' .. ARGV[i], 'version')
  if ARGV[i + 1] == '' then
    if held then return ARGV[i] end
  elseif held ~= ARGV[i + 1] then
    return ARGV[i]
  end
end
for i = 2, #ARGV, 9 do
  local id, district, ms = ARGV[i], ARGV[i + 4], ARGV[i + 5]
  local record = prefix .. 'report:' .. id
  local before = redis.call('HGET', record, 'district')
  if before and before ~= district then redis.call('ZREM', prefix .. 'reports:district:' .. before, id) end
  redis.call('HSET', record, 'json', ARGV[i + 3], 'version', ARGV[i + 2], 'district', district)
  redis.call('ZADD', prefix .. 'reports:district:' .. district, ms, id)
  redis.call('SADD', prefix .. 'reports:districts', district)
  if ARGV[i + 8] == '1' then
    redis.call('GEOADD', KEYS[1], ARGV[i + 6], ARGV[i + 7], id)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return ''
