"""The cache gives back the newest view it was given, and never an older one."""

from uuid import uuid4

import pytest

from infrastructure.env import ConfigError
from infrastructure.redis.cache import open_cache
from infrastructure.redis.config import RedisConfig
from tests.component.redis.steps import counted
from tests.eventually import eventually

pytestmark = pytest.mark.usefixtures("patient")

LONG = 1000.0


async def test_what_was_put_comes_back(cache, image_id):
    """Any bytes come back as they were, colons, zeros and all."""
    data = b"1:2:\x00\xff\r\n" * 100
    await cache.put(image_id, 7, 1, data, LONG)
    assert await cache.get(image_id) == (data, 1)


async def test_what_nobody_put_is_not_there(cache, image_id):
    """An unknown id is a miss, and another image's view is not given."""
    await cache.put(uuid4(), 1, 1, b"other", LONG)
    assert await cache.get(image_id) is None


async def test_a_newer_version_replaces_an_older_one(cache, image_id):
    """The higher version wins when it comes second."""
    for version, data in ((1, b"one"), (2, b"two")):
        await cache.put(image_id, version, 1, data, LONG)
        assert await cache.get(image_id) == (data, 1)


async def test_an_older_version_does_not_replace_a_newer_one(cache, image_id):
    """The higher version wins when it comes first; versions are compared as numbers."""
    await cache.put(image_id, 10, 1, b"ten", LONG)
    await cache.put(image_id, 9, 1, b"nine", LONG)
    assert await cache.get(image_id) == (b"ten", 1)


async def test_the_same_version_as_of_later_replaces_one_as_of_earlier(cache, image_id):
    """It can be believed by more readers; the other way round nothing changes."""
    await cache.put(image_id, 5, 20, b"later", LONG)
    await cache.put(image_id, 5, 10, b"earlier", LONG)
    assert await cache.get(image_id) == (b"later", 20)
    await cache.put(image_id, 5, 30, b"latest", LONG)
    assert await cache.get(image_id) == (b"latest", 30)


async def test_a_view_does_not_stay_for_ever(cache, direct, config, image_id):
    """It lives as long as its writer said."""
    await cache.put(image_id, 1, 1, b"one", 60.0)
    assert 50_000 < await direct.pttl(f"{config.prefix}:view:{{{image_id}}}") <= 60_000


async def test_an_expired_view_is_a_miss(cache, image_id):
    """After its time a view is not given any more."""
    await cache.put(image_id, 1, 1, b"one", 0.0)

    async def gone():
        assert await cache.get(image_id) is None

    await eventually(gone)


async def test_lost_scripts_are_given_again(cache, direct, image_id):
    """A server that was told to drop all scripts costs nothing."""
    await cache.put(image_id, 1, 1, b"one", LONG)
    await direct.script_flush()
    await cache.put(image_id, 2, 1, b"two", LONG)
    assert await cache.get(image_id) == (b"two", 1)


async def test_what_somebody_else_wrote_does_no_harm(cache, direct, config, image_id):
    """A key of the wrong type or without a version is an error in the metric and a miss for the caller."""
    before = counted("error")
    await direct.lpush(f"{config.prefix}:view:{{{image_id}}}", "x")
    assert await cache.get(image_id) is None
    await cache.put(image_id, 1, 1, b"one", LONG)
    assert counted("error") == before + 2
    for other in ("x", "1:x:y", "1:2"):
        await direct.set(f"{config.prefix}:view:{{{image_id}}}", other)
        assert await cache.get(image_id) is None
    assert cache.is_available


async def test_hits_and_misses_are_counted(cache, image_id):
    """The metric tells how often Redis could help."""
    hits, misses = counted("hit"), counted("miss")
    await cache.get(image_id)
    await cache.put(image_id, 1, 1, b"one", LONG)
    await cache.get(image_id)
    assert (counted("hit"), counted("miss")) == (hits + 1, misses + 1)


async def test_systems_with_different_prefixes_do_not_meet(cache, config, image_id):
    """Two systems, or two tests, can share a server."""
    await cache.put(image_id, 1, 1, b"one", LONG)
    async with open_cache(RedisConfig(url=config.url, prefix="another")) as other:
        assert await other.get(image_id) is None


@pytest.mark.parametrize("url", ["http://:secret@h:1/0", "redis://:secret@h:port/0", "h:1"])
async def test_an_unusable_address_stops_the_start(url):
    """The error names the variable and keeps the password to itself."""
    with pytest.raises(ConfigError, match=r"^CHITRAM_REDIS_URL: expected redis://") as caught:
        async with open_cache(RedisConfig(url=url)):
            pass
    assert "secret" not in str(caught.value)
