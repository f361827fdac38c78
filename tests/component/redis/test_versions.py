"""However puts and forgets of many services interleave, no older version is ever readable after a newer one."""

import asyncio
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.redis.cache import open_cache
from infrastructure.redis.config import RedisConfig

LONG = 1000.0

VERSIONS = st.integers(min_value=1, max_value=6) | st.integers(min_value=1, max_value=2**53)
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "forget"]), VERSIONS), min_size=1, max_size=12)


async def change(cache, image_id, call):
    verb, version = call
    if verb == "put":
        await cache.put(image_id, version, str(version).encode(), LONG)
    else:
        await cache.forget(image_id, version)


async def read(cache, image_id):
    data = await cache.get(image_id)
    return data and int(data)


def expected(calls):
    """The model: the version that may be read after these calls, one after the other."""
    floor = stored = 0
    for verb, version in calls:
        if verb == "forget":
            floor, stored = max(floor, version), stored if stored >= version else 0
        elif version >= max(floor, stored):
            stored = version
    return stored or None


class Services:
    """Two services with a cache each, run from Hypothesis, which knows no event loop."""

    def __init__(self, server):
        self.config = RedisConfig(url=server.url, prefix=f"t-{uuid4().hex[:12]}")

    def run(self, story):
        async def told():
            async with open_cache(self.config) as one, open_cache(self.config) as two:
                return await story(one, two)

        return asyncio.run(told())


@given(CHANGES)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_after_the_other(redis_server, calls):
    """After each call exactly what the model says can be read, through either service."""

    async def story(one, two):
        image_id = uuid4()
        for done, call in enumerate(calls, 1):
            await change((one, two)[done % 2], image_id, call)
            wanted = expected(calls[:done])
            assert [await read(one, image_id), await read(two, image_id)] == [wanted, wanted]

    Services(redis_server).run(story)


@given(st.lists(CHANGES, min_size=2, max_size=4))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_at_once(redis_server, services):
    """While several services change an image, nobody sees a version lower than what was finished before he looked."""

    async def story(one, two):
        image_id, finished = uuid4(), [0]

        async def serve(cache, calls):
            for call in calls:
                await change(cache, image_id, call)
                finished[0] = max(finished[0], call[1])

        async def look(cache):
            while not working.done():
                newest = finished[0]
                found = await read(cache, image_id)
                assert found is None or found >= newest

        working = asyncio.gather(*(serve((one, two)[n % 2], calls) for n, calls in enumerate(services)))
        await asyncio.gather(working, look(one), look(two))
        found = await read(one, image_id)
        assert found in {None, finished[0]}

    Services(redis_server).run(story)
