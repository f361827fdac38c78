-- Drops a view that is older than a version, and keeps such a one from being stored again.
--
-- KEYS[1] the view, stored as "<version>:<bytes>"    KEYS[2] the floor: no older version may be stored
-- ARGV[1] version    ARGV[2] milliseconds for the floor to live
-- Returns 1 when a view was dropped.

local version = tonumber(ARGV[1])
local floor = tonumber(redis.call('GET', KEYS[2]) or 0)
local stored = tonumber(string.match(redis.call('GETRANGE', KEYS[1], 0, 19), '^%d+') or version)

if floor <= version then
    redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
if stored < version then
    return redis.call('DEL', KEYS[1])
end
return 0
