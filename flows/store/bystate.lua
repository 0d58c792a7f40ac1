-- Puts reports that were written before there were indexes by state into those of a district; others stay as they are.
-- KEYS[1]  the district's reports by when they came
-- ARGV     the keys' prefix, then ids of reports
for i = 2, #ARGV do
  local record = ARGV[1] .. 'report:' .. ARGV[i]
  local json, state = unpack(redis.call('HMGET', record, 'json', 'state'))
  local ms = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if json and ms and not state then
    state = cjson.decode(json).state
    redis.call('HSET', record, 'state', state)
    redis.call('ZADD', KEYS[1] .. '|' .. state, ms, ARGV[i])
  end
end
