"""However puts of many services interleave, no older version is ever readable after a newer one."""

import asyncio
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.redis.cache import open_cache
from infrastructure.redis.config import RedisConfig

pytestmark = pytest.mark.usefixtures("patient")

LONG = 1000.0

VERSIONS = st.integers(min_value=1, max_value=6) | st.integers(min_value=1, max_value=2**53)
PUTS = st.lists(st.tuples(VERSIONS, st.integers(0, 3) | st.integers(0, 2**53)), min_size=1, max_size=12)


async def put(cache, image_id, entry):
    version, as_of = entry
    await cache.put(image_id, version, as_of, f"{version}".encode(), LONG)


async def read(cache, image_id):
    found = await cache.get(image_id)
    return found and (int(found.data), found.as_of)


class Services:
    """Two services with a cache each, run from Hypothesis, which knows no event loop."""

    def __init__(self, server):
        self.config = RedisConfig(url=server.url, prefix=f"t-{uuid4().hex[:12]}")

    def run(self, story):
        async def told():
            async with open_cache(self.config) as one, open_cache(self.config) as two:
                return await story(one, two)

        return asyncio.run(told())


@given(PUTS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_after_the_other(redis_server, puts):
    """After each put the newest version can be read, through either service; of one version, the latest position."""

    async def story(one, two):
        image_id = uuid4()
        for done, entry in enumerate(puts, 1):
            await put((one, two)[done % 2], image_id, entry)
            newest = max(puts[:done])
            assert [await read(one, image_id), await read(two, image_id)] == [newest, newest]

    Services(redis_server).run(story)


@given(st.lists(PUTS, min_size=2, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_at_once(redis_server, services):
    """While several services change an image, nobody sees a version lower than what was finished before he looked."""

    async def story(one, two):
        image_id, finished = uuid4(), [(0, 0)]

        async def serve(cache, puts):
            for entry in puts:
                await put(cache, image_id, entry)
                finished[0] = max(finished[0], entry)

        async def look(cache):
            while not working.done():
                newest = finished[0]
                found = await read(cache, image_id)
                assert found is None or found >= newest

        working = asyncio.gather(*(serve((one, two)[n % 2], puts) for n, puts in enumerate(services)))
        await asyncio.gather(working, look(one), look(two))
        assert await read(one, image_id) == finished[0]

    Services(redis_server).run(story)
