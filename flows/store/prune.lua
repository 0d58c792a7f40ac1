-- Removes the oldest events with everything that points at them; counters stay. A violation goes as a whole, with all
-- that is about it. Where there are merely too many events those stay that people have in their hands; while an appeal
-- runs, or a filing waits to be taken, nothing of it goes, whatever its age.
-- KEYS[1]  the stream of all events
-- ARGV[1]  the keys' prefix
-- ARGV[2]  JSON:
--   now    ms since 1970; 0 where nobody knows: then nothing goes but what is too much
--   first  the first time of writing to keep, ms
--   firsts the same of violations whose rule has a time of its own, by their type
--   most   the most events to keep, beside those that stay
--   type   the one type of events to look at, or ''
--   after  the place to go on after, or ''
--   batch  the most to look at now
--   stay   states of violations that do not go before their time ...
--   hold   ... and those in which they do not go then either
--   quiet  the last time of a decision after which a violation may go by its age, ms
--   weight how many events a violation in such a state is reckoned as
--   remember  the most hashes of deleted violations to keep
-- Returns the place to go on after, or '' at the end; how many were removed; and the state of each violation among them.
-- sha256.lua, note.lua and forget.lua stand before this file.
local prefix, ask = ARGV[1], cjson.decode(ARGV[2])
local walk = ask.type == '' and KEYS[1] or KEYS[1] .. ':type:' .. ask.type
local about_one = { ['dome.decision.v1'] = true, ['dome.evidence.stored.v1'] = true, ['dome.plate.read.v1'] = true }

local stays, holds, surplus = {}, {}, redis.call('XLEN', walk) - ask.most
for _, state in ipairs(ask.stay) do
  stays[state] = true
  surplus = surplus - ask.weight * redis.call('ZCARD', prefix .. 'state:' .. state)
end
for _, state in ipairs(ask.hold) do holds[state] = true end

-- Whether somebody has yet to decide on a violation, or to hear of what was decided.
local function pends(id, state)
  if holds[state] then return true end
  for _, json in ipairs(redis.call('HVALS', prefix .. 'filings:' .. id)) do
    if cjson.decode(json).state == 'waiting' then return true end
  end
  return false
end

-- Whether a violation was decided on a short while ago.
local function is_fresh(id)
  local last = redis.call('LRANGE', prefix .. 'decisions:' .. id, -1, -1)[1]
  local place = last and redis.call('HGET', prefix .. 'event:' .. last, 'place')
  return place and tonumber(string.match(place, '^%d+')) > ask.quiet
end

-- What an event is about, or '', and its JSON where it says where a package lies, or what it is about. Passages say the
-- first, too, but theirs may belong to a violation by now: whoever pairs them removes them.
local function about(id, kind)
  local tells = about_one[kind] or string.find(kind, '^dome%.object%.')
  local json = tells and redis.call('HGET', prefix .. 'event:' .. id, 'json')
  return json and (cjson.decode(json).data or {}).violation or '', json
end

redis.call('ZREMRANGEBYSCORE', prefix .. 'violations:deleted', '-inf', string.format('%.0f', ask.now))
redis.call('ZREMRANGEBYRANK', prefix .. 'violations:deleted', 0, -ask.remember - 1)
local after, removed, states = '', 0, {}
local entries = redis.call('XRANGE', walk, ask.after == '' and '-' or '(' .. ask.after, '+', 'COUNT', ask.batch)
for _, entry in ipairs(entries) do
  local id, kind = entry[2][2], entry[2][4]
  local at = tonumber(string.match(entry[1], '^%d+'))
  if at >= ask.first and removed >= surplus then return { '', removed, states } end
  local old = at < (ask.firsts[kind] or ask.first)
  after = entry[1]
  if string.find(kind, '^dome%.violation%.') then
    local state = redis.call('HGET', prefix .. 'event:' .. id, 'state') or ''
    local due
    if old then due = not is_fresh(id) else due = removed < surplus and not stays[state] end
    if due and not pends(id, state) then
      local why = old and 'kept for as long as the law allows' or 'more is written than can be kept'
      removed = removed + delete_violation(prefix, KEYS[1], id, ask.now, why)
      states[#states + 1] = state
      if #states >= ask.batch / 8 then return { after, removed, states } end -- each takes as long as many others
    end
  else
    local violation, json = about(id, kind)
    if violation == '' or redis.call('HEXISTS', prefix .. 'event:' .. violation, 'place') == 0 then
      removed = removed + forget_event(prefix, KEYS[1], entry)
      leave_packages(prefix, violation ~= '' and violation or id, json)
      if violation ~= '' then forget_record(prefix, violation, entry[2][8]) end -- it never came, or has gone
    end
  end
end
return { #entries < ask.batch and '' or after, removed, states }
