"""The watch: asks in our stead, and never ends by itself."""

import asyncio
import time

import pytest

from infrastructure.storage.breaker import Breaker, Policy, State
from infrastructure.storage.shard import ShardFailed
from infrastructure.storage.watch import Watch
from tests.eventually import becomes

QUICK = 0.02


class Pinged:
    """A shard that answers pings as it is told: with nothing, or an error."""

    def __init__(self):
        self.error = None
        self.pings = 0

    async def ping(self):
        self.pings += 1
        if self.error:
            raise self.error


@pytest.fixture
def shard():
    return Pinged()


@pytest.fixture
def breaker():
    return Breaker(clock=time.monotonic, policy=Policy(pause=QUICK))


@pytest.fixture
async def watch(shard, breaker):
    watch = Watch({"s": shard}, {"s": breaker}, interval=QUICK)
    task = asyncio.ensure_future(watch.run())
    yield watch
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_shard_in_use_is_left_alone(watch, shard):
    """Nobody asks without a reason."""
    await asyncio.sleep(5 * QUICK)
    assert shard.pings == 0


async def test_an_avoided_shard_is_asked_until_it_answers(watch, shard, breaker):
    """And used again then."""
    shard.error = ShardFailed("s", "down")
    breaker.trip()
    await becomes(lambda: shard.pings > 2, wanted=True)
    assert not breaker.is_closed
    shard.error = None
    await becomes(lambda: breaker.state, State.CLOSED)


async def test_a_doubt_is_followed_up(watch, shard, breaker):
    """A shard that fails is avoided at once."""
    shard.error = ShardFailed("s", "down")
    watch.doubt("s")
    await becomes(lambda: breaker.is_closed, wanted=False)


async def test_an_unfounded_doubt_changes_nothing(watch, shard, breaker):
    """However often it is raised, the shard is asked now and then only."""
    for _ in range(100):
        watch.doubt("s")
    await becomes(lambda: shard.pings, 1)
    assert breaker.is_closed


async def test_a_doubt_about_an_avoided_shard_is_no_news(watch, shard, breaker):
    """Its probes go on as before."""
    shard.error = ShardFailed("s", "down")
    breaker.trip()
    watch.doubt("s")
    shard.error = None
    await becomes(lambda: breaker.state, State.CLOSED)


async def test_a_bug_does_not_end_the_watch(watch, shard, breaker, caplog):
    """It is logged, and the shard is asked again."""
    shard.error = ZeroDivisionError()
    breaker.trip()
    await becomes(lambda: shard.pings > 1, wanted=True)
    shard.error = None
    await becomes(lambda: breaker.state, State.CLOSED)
    assert "could not be asked" in caplog.text
