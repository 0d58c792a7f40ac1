-- Puts a list of exempt plates in force unless a newer one is.
-- KEYS[1]  lists by name, KEYS[2]  their versions by name
-- ARGV     name, when it was issued (ms since 1970), sha256 of what it says, the list
-- Returns the version that is in force: the new one, unless a list issued later (or then, saying something else) is.
local held = redis.call('HGET', KEYS[2], ARGV[1])
local version = ARGV[2] .. '|' .. ARGV[3]
if held and tonumber(string.match(held, '^-?%d+')) >= tonumber(ARGV[2]) then return held end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[2], ARGV[1], version)
return version
