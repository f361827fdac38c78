"""What lies on the shards is measured by the rows."""

import asyncio
from types import SimpleNamespace

from contracts.errors import Unavailable
from infrastructure.telemetry import metrics
from services.worker.care import measure as measuring
from services.worker.care.measure import keep_measuring, measure
from tests.eventually import becomes


class Rows:
    """Bytes by shard; asked the first time, the primary is away."""

    def __init__(self, **sizes):
        self.sizes = sizes
        self.asked = 0

    async def usage(self):
        self.asked += 1
        if self.asked == 1:
            raise Unavailable
        return {name: SimpleNamespace(objects=1, bytes=size) for name, size in self.sizes.items()}


def shown() -> dict[str, float]:
    return {
        sample.labels["shard"]: sample.value
        for family in metrics.storage_bytes_used.collect()
        for sample in family.samples
    }


async def test_each_shard_says_what_it_holds():
    """One that holds nothing too, and one that is left on no list; one that is gone says nothing any more."""
    rows = Rows(two=20, left=7)
    rows.asked = 1
    metrics.storage_bytes_used.labels("gone").set(1)
    await measure(placements=rows, listed=lambda: ["one", "two"])
    assert shown() == {"one": 0, "two": 20, "left": 7}


async def test_it_is_measured_again_and_again(monkeypatch):
    """Also after the primary was away."""
    monkeypatch.setattr(measuring, "EVERY", 0.0)
    rows = Rows(one=3)
    running = asyncio.create_task(keep_measuring(placements=rows, listed=lambda: (), timer=lambda: 0.0))
    await becomes(shown, {"one": 3})
    running.cancel()
