-- Stores a view, unless something newer is known.
--
-- KEYS[1] the view, stored as "<version>:<bytes>"    KEYS[2] the floor: no older version may be stored
-- ARGV[1] version    ARGV[2] bytes    ARGV[3] milliseconds to live
-- Returns 1 when it was stored.

local version = tonumber(ARGV[1])
local floor = tonumber(redis.call('GET', KEYS[2]) or 0)
local stored = tonumber(string.match(redis.call('GETRANGE', KEYS[1], 0, 19), '^%d+') or 0)

if version < floor or version < stored then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
return 1
