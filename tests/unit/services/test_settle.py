"""A change is final when everyone has heard, or when nobody can be relied on to remember."""

import asyncio

from contracts.errors import Unavailable
from contracts.events import ImageDeleted
from services.shared.bounds import Bounds
from services.write.settle import settle
from tests.events import make_event

BOUNDS = Bounds(lease=0.2, lag_bound=0.4)


class Audience:
    """Read services that can't be told the first `deaf` times, and are back after `back` seconds."""

    def __init__(self, *, deaf=0, back=0.0):
        self.deaf = deaf
        self.back = back
        self.told = []

    async def tell(self, event, lsn):
        self.told.append(lsn)
        if len(self.told) <= self.deaf:
            raise Unavailable
        return "heard"

    async def restored(self):
        await asyncio.sleep(self.back)


class Replicas:
    """Replicas that need some time."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.asked = []

    async def replayed(self, lsn):
        self.asked.append(lsn)
        await asyncio.sleep(self.seconds)


async def took(audience, replicas):
    """Seconds that it took."""
    clock = asyncio.get_running_loop().time
    began = clock()
    await settle(make_event(ImageDeleted), "0/1", audience=audience, replicas=replicas, bounds=BOUNDS)
    return clock() - began


async def test_who_was_told_is_believed():
    """Nobody else is asked."""
    audience, replicas = Audience(), Replicas()
    await took(audience, replicas)
    assert (audience.told, replicas.asked) == (["0/1"], [])


async def test_after_a_short_loss_it_is_told_again():
    """Better than to rely on replicas."""
    audience, replicas = Audience(deaf=1), Replicas()
    await took(audience, replicas)
    assert (audience.told, replicas.asked) == (["0/1", "0/1"], [])


async def test_without_nats_leases_run_out_and_replicas_are_asked():
    """Not a moment before a lease has passed."""
    audience, replicas = Audience(deaf=9, back=60), Replicas()
    assert await took(audience, replicas) >= BOUNDS.lease
    assert (audience.told, replicas.asked) == (["0/1"], ["0/1"])


async def test_a_replica_that_does_not_come_along_is_outwaited():
    """After the bound of lag nobody reads from it any more."""
    replicas = Replicas(seconds=60)
    assert await took(Audience(deaf=9), replicas) >= BOUNDS.lag_bound
    assert replicas.asked == ["0/1"]
