"""A change is final when everyone has heard, or when nobody answers from what he remembers any more."""

import asyncio

from contracts.errors import Unavailable
from contracts.events import ImageDeleted
from services.write.settle import settle
from tests.events import make_event

LEASE = 0.2


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


async def took(audience):
    """Seconds that it took."""
    clock = asyncio.get_running_loop().time
    began = clock()
    await settle(make_event(ImageDeleted), "0/1", audience=audience, lease=LEASE)
    return clock() - began


async def test_who_was_told_is_believed():
    """Once."""
    audience = Audience()
    await took(audience)
    assert audience.told == ["0/1"]


async def test_after_a_short_loss_it_is_told_again():
    """Better than to wait."""
    audience = Audience(deaf=1)
    await took(audience)
    assert audience.told == ["0/1", "0/1"]


async def test_without_nats_leases_run_out():
    """Not a moment before a lease has passed, whether NATS stays away or comes back and fails again."""
    away, failing = Audience(deaf=9, back=60), Audience(deaf=9)
    assert await took(away) >= LEASE
    assert await took(failing) >= LEASE
    assert (away.told, failing.told) == (["0/1"], ["0/1", "0/1"])
