"""The worker's own sweep, and when it keeps its hands off."""

from datetime import timedelta

from services.worker.care.ports import Listed
from services.worker.care.sweep import Sweeper
from tests.unit.samples import NOON


class Old(Listed):
    """An object of long ago."""

    key, size, modified_at = "left/original", 1, NOON - timedelta(days=1)


class Shard:
    """One shard with one object that no row names, and the rows."""

    reachable = frozenset({"a"})

    def __init__(self, blobs):
        self.blobs = blobs
        self.given_up = []

    async def list(self, _):
        yield Old()

    async def page(self, _, limit):
        return tuple(self.blobs[:limit])

    async def unnamed(self, copies):
        return set(copies)

    async def discard(self, copies, _):
        self.given_up += copies


async def sweep(blobs):
    """What one sweep gives up."""
    shard = Shard(blobs)
    rooms = {"copies": shard, "placements": shard, "walks": None, "clock": lambda: NOON}
    await Sweeper(every=3600, grace=timedelta(hours=1), **rooms).sweep_all()
    return shard.given_up


async def test_nothing_is_swept_while_the_rows_name_nothing():
    """A new system on an old one's shards may wait for its backup."""
    assert await sweep([]) == []
    assert await sweep(["a blob"]) == [("left/original", "a")]
