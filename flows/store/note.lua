-- Entries of the audit log, for scripts that make changes; sha256.lua stands before this file.
local function redis_ms()
  local said = redis.call('TIME')
  return said[1] * 1000 + math.floor(said[2] / 1000)
end

-- Time never goes back there: the latest one that was ever seen holds (the key "clock"), so ms must not be what a
-- machine's clock says unless something bears it out.
local function audit_time(prefix, ms)
  local now = string.format('%.0f', math.max(ms, tonumber(redis.call('GET', prefix .. 'clock') or '0')))
  redis.call('SET', prefix .. 'clock', now)
  return now
end

local function audit_note(prefix, now_text, body)
  local head = prefix .. 'audit:head'
  local seq = redis.call('HINCRBY', head, 'seq', 1)
  local before = redis.call('HGET', head, 'hash') or string.rep('0', 64)
  local hash = sha256(before .. '\n' .. seq .. '\n' .. now_text .. '\n' .. body)
  redis.call('XADD', prefix .. 'audit', seq .. '-1', 'at', now_text, 'body', body, 'prev', before, 'hash', hash)
  redis.call('HSET', head, 'hash', hash)
end
