"""Rates, counted by a real server."""

import asyncio
from uuid import uuid4

import pytest

from contracts.errors import Unavailable
from infrastructure.redis.client import open_client
from infrastructure.redis.config import RedisConfig
from infrastructure.redis.limiter import Limiter
from tests.eventually import eventually

pytestmark = pytest.mark.usefixtures("patient")

HOUR = 3600.0


@pytest.fixture
async def limiter(config):
    """Counts in a corner of the shared server."""
    async with open_client(config) as client:
        yield Limiter(client, config.prefix)


@pytest.fixture
def what():
    return f"uploads:{uuid4()}"


async def test_of_a_thousand_calls_at_once_exactly_the_limit_pass(config, what):
    """Whichever service they come to."""
    async with open_client(config) as one, open_client(config) as two:
        limiters = Limiter(one, config.prefix), Limiter(two, config.prefix)

        grants = await asyncio.gather(*(limiters[number % 2].take(what, 100, HOUR) for number in range(1000)))
    assert sum(grant.granted for grant in grants) == 100


async def test_refused_calls_do_not_lengthen_the_wait(limiter, what):
    """However often somebody knocks, the next unit comes when it would have come."""
    for _ in range(3):
        assert (await limiter.take(what, 3, HOUR)).granted == 1
    first = await limiter.take(what, 3, HOUR)
    for _ in range(20):
        last = await limiter.take(what, 3, HOUR)
    assert (first.granted, last.granted) == (0, 0)
    assert last.retry_after <= first.retry_after <= HOUR / 3


async def test_units_come_back_one_by_one(limiter, what):
    """Not all at once at the end of a period."""
    assert (await limiter.take(what, 10, 1.0, wanted=10)).granted == 10

    async def one_is_back() -> None:
        assert (await limiter.take(what, 10, 1.0)).granted == 1

    await eventually(one_is_back)


async def test_a_batch_is_cut_to_what_there_is_unless_more_is_needed(limiter, what):
    """Reservations take what they can get, prices are paid in full or not at all."""
    assert (await limiter.take(what, 10, HOUR, wanted=8, needed=1))[:2] == (8, 2)
    assert (await limiter.take(what, 10, HOUR, wanted=8))[:2] == (0, 2)
    assert (await limiter.take(what, 10, HOUR, wanted=8, needed=1))[:2] == (2, 0)
    refused = await limiter.take(what, 10, HOUR, wanted=8, needed=1)
    assert refused.granted == 0
    assert 0 < refused.retry_after <= HOUR / 10


async def test_what_costs_more_than_a_period_has_costs_a_whole_period(limiter, what):
    """A picture larger than a minute's worth of pixels can be sent, once a minute."""
    assert (await limiter.take(what, 10, HOUR, wanted=50)).granted == 10
    assert (await limiter.take(what, 10, HOUR, wanted=50)).retry_after > HOUR / 2


async def test_forgetting_gives_everything_back(limiter, what):
    """As when a password was right in the end."""
    await limiter.take(what, 2, HOUR, wanted=2)
    await limiter.forget(what)
    assert (await limiter.take(what, 2, HOUR, wanted=2)).granted == 2


async def test_without_redis_nothing_is_granted_and_nothing_waits(server):
    """The caller decides what that means."""
    async with open_client(RedisConfig(url=server.url)) as client:
        limiter = Limiter(client, "t")
        server.kill()
        with pytest.raises(Unavailable):
            await limiter.take("x", 1, HOUR)
        with pytest.raises(Unavailable):
            await limiter.forget("x")
