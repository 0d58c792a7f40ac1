-- Writes reports, all or none: new ones unless they are known, changed ones unless somebody was faster; and the audit
-- entries that belong to it. sha256.lua and note.lua stand before this file.
-- KEYS[1]  the index of open reports by place
-- ARGV[1]  the keys' prefix; ARGV[2] JSON texts of audit entries, a JSON list; then for each report:
--   id, version that it must have now or '' if it must be new, its new version, json, district, received ms,
--   longitude, latitude, '1' while it is open, its channel, '1' while the machine has to look at it, ms until it is
--   kept, ms at which the one that must be there now was received: one that was erased and sent anew begins at version 0,
--   its state
-- Returns '' if all were written, else the id of the first that could not be.
local prefix, each = ARGV[1], 14
for i = 3, #ARGV, each do
  local held, district = unpack(redis.call('HMGET', prefix .. 'report:' .. ARGV[i], 'version', 'district'))
  if ARGV[i + 1] == '' then
    if held then return ARGV[i] end
  elseif held ~= ARGV[i + 1] then
    return ARGV[i]
  else
    local ms = redis.call('ZSCORE', prefix .. 'reports:district:' .. district, ARGV[i])
    if tonumber(ms) ~= tonumber(ARGV[i + 12]) then return ARGV[i] end
  end
end
for i = 3, #ARGV, each do
  local id, district, ms, state = ARGV[i], ARGV[i + 4], ARGV[i + 5], ARGV[i + 13]
  local record, index = prefix .. 'report:' .. id, prefix .. 'reports:district:'
  local before, channel, was = unpack(redis.call('HMGET', record, 'district', 'channel', 'state'))
  if before and before ~= district then redis.call('ZREM', index .. before, id) end
  if was then redis.call('ZREM', index .. before .. '|' .. was, id) end
  if channel and channel ~= ARGV[i + 9] then redis.call('ZREM', prefix .. 'reports:channel:' .. channel, id) end
  redis.call('HSET', record, 'json', ARGV[i + 3], 'version', ARGV[i + 2], 'district', district, 'channel', ARGV[i + 9],
    'state', state)
  redis.call('ZADD', index .. district, ms, id)
  redis.call('ZADD', index .. district .. '|' .. state, ms, id)
  redis.call('ZADD', prefix .. 'reports:channel:' .. ARGV[i + 9], ms, id)
  redis.call('SADD', prefix .. 'reports:districts', district)
  redis.call('ZADD', prefix .. 'reports:due', ARGV[i + 11], id)
  if ARGV[i + 10] == '1' then
    redis.call('ZADD', prefix .. 'reports:todo', 'NX', ms, id)
  else
    redis.call('ZREM', prefix .. 'reports:todo', id)
  end
  if ARGV[i + 8] == '1' then
    redis.call('GEOADD', KEYS[1], ARGV[i + 6], ARGV[i + 7], id)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
local entries = cjson.decode(ARGV[2])
if #entries > 0 then
  local now = audit_time(prefix, redis_ms())
  for _, body in ipairs(entries) do audit_note(prefix, now, body) end
end
return ''
