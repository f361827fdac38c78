-- Takes up to so many units of what a caller may have in a period: the generic cell rate algorithm.
--
-- The key holds a mark, a time in microseconds: each unit moves it into the future by its share of the period, and
-- it may not lie more than the period ahead. What is refused doesn't move it.
--
-- KEYS[1] the caller's mark
-- ARGV[1] units in a period    ARGV[2] the period in microseconds    ARGV[3] units wanted    ARGV[4] units needed at least
-- Returns units granted, units left, microseconds until those needed can be had (0 when granted) and until all can.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local period = tonumber(ARGV[2])
local share = period / tonumber(ARGV[1])
local mark = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)

-- Half a share on top, lest rounding take the last unit away.
local room = math.floor((now + period - mark + share / 2) / share)
local granted = math.min(room, tonumber(ARGV[3]))
if granted < tonumber(ARGV[4]) then
    return {0, math.max(room, 0), math.ceil(mark + ARGV[4] * share - now - period), math.ceil(mark - now)}
end
mark = mark + granted * share
redis.call('SET', KEYS[1], string.format('%.3f', mark), 'PX', math.ceil((mark - now) / 1000) + 1)
return {granted, room - granted, 0, math.ceil(mark - now)}
