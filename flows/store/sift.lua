-- Rows of one index by capture time, newest first, that stand in others as well. Reads only.
-- KEYS[1]  the index that is walked
-- ARGV     highest score, rows of exactly that score to skip, lowest score, most rows to return, and JSON: groups of
--          indexes; a row must stand in one of each group
-- Returns {highest score and rows to skip next time, '' after the last row; id, score, id, score ...}. To seek to a
-- score costs nothing; to skip all rows that were seen costs more than to read them.
local high, skip, low, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local groups = cjson.decode(ARGV[5])
local names = 1
for _, group in ipairs(groups) do names = names + #group end
-- A few milliseconds at most, in which Redis serves nobody else; then it is asked again. Each row is looked for under
-- each name.
local STEP, LOOKS = 500, 10000
local STEPS = math.max(1, math.floor(LOOKS / STEP / names))

-- For each id whether one of these indexes holds it.
local function held(names, ids)
  local found = {}
  for _, name in ipairs(names) do
    for i, score in ipairs(redis.call('ZMSCORE', name, unpack(ids))) do found[i] = found[i] or score ~= false end
  end
  return found
end

local answer = { '', 0 }
for _ = 1, STEPS do
  local rows = redis.call('ZRANGE', KEYS[1], high, low, 'BYSCORE', 'REV', 'LIMIT', skip, STEP, 'WITHSCORES')
  local ids, kept = {}, {}
  for i = 1, #rows, 2 do ids[#ids + 1] = rows[i] end
  for n, names in ipairs(groups) do kept[n] = #ids > 0 and held(names, ids) end
  for i, id in ipairs(ids) do
    local score, wanted = rows[2 * i], true
    for _, found in ipairs(kept) do wanted = wanted and found[i] end
    if score ~= high then high, skip = score, 0 end
    skip = skip + 1
    if wanted then
      answer[#answer + 1] = id
      answer[#answer + 1] = score
    end
    if #answer > 2 * most then
      answer[1], answer[2] = high, skip
      return answer
    end
  end
  if #ids < STEP then return answer end
end
answer[1], answer[2] = high, skip
return answer
