-- Entries of the audit log, for scripts that make changes; sha256.lua stands before this file.
local function redis_ms()
  local said = redis.call('TIME')
  return said[1] * 1000 + math.floor(said[2] / 1000)
end

-- Time never goes back there: an entry is no earlier than the one before. That is the log's time alone. The searches'
-- (the key "clock") is moved by commit.lua, which holds two clocks against each other: one of them may be ahead for a
-- second, and no search may end by that.
local function audit_time(prefix, ms)
  local last = redis.call('HGET', prefix .. 'audit:head', 'at') or redis.call('GET', prefix .. 'clock') or '0'
  return string.format('%.0f', math.max(ms, tonumber(last)))
end

local function audit_note(prefix, now_text, body)
  local head = prefix .. 'audit:head'
  local seq = redis.call('HINCRBY', head, 'seq', 1)
  local before = redis.call('HGET', head, 'hash') or string.rep('0', 64)
  local hash = sha256(before .. '\n' .. seq .. '\n' .. now_text .. '\n' .. body)
  redis.call('XADD', prefix .. 'audit', seq .. '-1', 'at', now_text, 'body', body, 'prev', before, 'hash', hash)
  redis.call('HSET', head, 'hash', hash, 'at', now_text)
end
