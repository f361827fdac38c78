-- Stores a view, unless what is stored is newer.
--
-- KEYS[1] the view, stored as "<version>:<as of>:<bytes>"
-- ARGV[1] version    ARGV[2] the position it is as of    ARGV[3] bytes    ARGV[4] milliseconds to live
-- Returns 1 when it was stored.

local version, as_of = string.match(redis.call('GETRANGE', KEYS[1], 0, 40), '^(%d+):(%d+):')
version, as_of = tonumber(version or 0), tonumber(as_of or 0)

if tonumber(ARGV[1]) < version or (tonumber(ARGV[1]) == version and tonumber(ARGV[2]) <= as_of) then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2] .. ':' .. ARGV[3], 'PX', ARGV[4])
return 1
