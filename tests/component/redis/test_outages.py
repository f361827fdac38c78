"""Whatever happens to Redis, callers see misses, soon."""

import asyncio
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from contracts.errors import Unavailable
from infrastructure.redis.cache import open_cache
from infrastructure.redis.client import CONNECTIONS
from infrastructure.redis.config import RedisConfig
from tests.component.redis.steps import counted
from tests.eventually import becomes, eventually

LONG = 1000.0
SOON = 10.0
"""Seconds within which a caller who does not wait for a server that hangs is done, on a busy machine."""

pytestmark = pytest.mark.usefixtures("unhurried")


@contextmanager
def within(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


async def use(cache):
    """Every method once; gives what was read of what was just put."""
    image_id = uuid4()
    await cache.put(image_id, 1, 1, b"one", LONG)
    return await cache.get(image_id)


async def assert_works_again(cache):
    async def works():
        assert await use(cache) == (b"one", 1)

    await eventually(works)


async def test_a_server_that_is_down_is_a_miss(server, own_cache):
    """Nothing raises, nothing waits, and when the server is back it is used again."""
    assert await use(own_cache) == (b"one", 1)
    server.kill()
    for _ in range(10):
        with within(SOON):
            assert await own_cache.get(uuid4()) is None
        with within(SOON):
            await own_cache.put(uuid4(), 1, 1, b"one", LONG)
    assert not await own_cache.ping()
    await server.start()
    await assert_works_again(own_cache)
    assert await own_cache.ping()


async def test_a_server_that_hangs_is_left_alone(server, own_cache):
    """Each caller waits for his deadline at most, and after three of them nobody waits at all."""
    assert await use(own_cache) == (b"one", 1)
    await server.hang()
    while own_cache.is_available:
        with within(SOON):
            assert await own_cache.get(uuid4()) is None
    skipped = counted("skipped")
    with within(SOON):
        for _ in range(300):
            assert await own_cache.get(uuid4()) is None
            await own_cache.put(uuid4(), 1, 1, b"one", LONG)
    assert counted("skipped") == skipped + 600
    server.go_on()
    await becomes(lambda: own_cache.is_available, True)
    await assert_works_again(own_cache)


async def test_many_callers_of_a_server_that_hangs_wait_no_longer_than_one(server, own_cache):
    """More callers than connections: the deadline covers the wait for a connection too."""
    await use(own_cache)
    await server.hang()
    with within(2 * SOON):
        found = await asyncio.gather(*(own_cache.get(uuid4()) for _ in range(10 * CONNECTIONS)))
    assert set(found) == {None}
    server.go_on()
    await assert_works_again(own_cache)


async def test_an_answer_that_came_too_late_is_nobody_elses(server, own_cache):
    """After a time-out the next caller gets its own image's view, not the one that was asked for before."""
    ids = [uuid4() for _ in range(20)]
    for image_id in ids:
        await own_cache.put(image_id, 1, 1, image_id.bytes, LONG)
    await server.hang()
    await asyncio.gather(*(own_cache.get(image_id) for image_id in ids))
    server.go_on()
    await becomes(lambda: own_cache.is_available, True)
    found = await asyncio.gather(*(own_cache.get(image_id) for image_id in reversed(ids)))
    assert [entry.data for entry in found if entry] == [
        image_id.bytes for image_id, entry in zip(reversed(ids), found, strict=True) if entry
    ]
    assert any(found)


async def test_a_caller_that_goes_away_leaves_nothing_behind(own_cache):
    """A request cancelled while it waits for Redis spoils no connection for the next one."""
    image_id, other = uuid4(), uuid4()
    await own_cache.put(image_id, 1, 1, b"one", LONG)
    await own_cache.put(other, 1, 1, b"other", LONG)
    for _ in range(50):
        going = asyncio.ensure_future(own_cache.get(image_id))
        await asyncio.sleep(0)
        going.cancel()
        await asyncio.wait([going])
        assert await own_cache.get(other) == (b"other", 1)


async def test_a_server_that_was_flushed_or_restarted_empty_goes_on(server, own_cache):
    """What was in it is a miss, and what is put afterwards comes back."""
    image_id = uuid4()
    await own_cache.put(image_id, 1, 1, b"one", LONG)
    async with Redis.from_url(server.url, driver_info=None) as direct:
        await direct.flushall()
    assert await own_cache.get(image_id) is None
    assert await use(own_cache) == (b"one", 1)
    server.kill()
    await server.start()
    await assert_works_again(own_cache)
    assert await own_cache.get(image_id) is None


async def test_a_start_without_a_server_is_a_start_without_a_cache(server):
    """A service starts while Redis is away, and uses it when it comes."""
    server.kill()
    async with open_cache(RedisConfig(url=server.url)) as cache:
        assert not cache.is_available
        assert await use(cache) is None
        await server.start()
        await becomes(lambda: cache.is_available, True)
        await assert_works_again(cache)


async def test_a_start_with_a_wrong_password_stops(server):
    """A mistake in the configuration is not an outage; it is told with the variable's name."""
    config = RedisConfig(url=server.url.replace("not-to-be-seen", "wrong"))
    with pytest.raises(Unavailable, match="CHITRAM_REDIS_URL"):
        async with open_cache(config):
            pass


async def test_a_full_server_that_may_not_evict_is_still_read(server, own_cache):
    """When puts are refused for want of memory, gets go on and the cache isn't given up."""
    image_id = uuid4()
    await own_cache.put(image_id, 1, 1, b"one", LONG)
    async with Redis.from_url(server.url, driver_info=None) as direct:
        await direct.config_set("maxmemory-policy", "noeviction")
        await direct.config_set("maxmemory", 1)
    for _ in range(5):
        await own_cache.put(uuid4(), 1, 1, b"more", LONG)
    assert await own_cache.get(image_id) == (b"one", 1)
    assert own_cache.is_available
