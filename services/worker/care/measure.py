"""Measuring what lies on each shard, by the rows."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from contracts.errors import Unavailable
from infrastructure.telemetry import metrics
from services.worker.care.ports import Placements

logger = logging.getLogger(__name__)

EVERY = 300.0
"""Seconds between two measurements, at least."""

SHARE = 20
"""How many times longer the pause is than the measurement: it looks at every blob, and there may be a billion."""


async def measure(*, placements: Placements, listed: Callable[[], Iterable[str]]) -> None:
    """Sets the bytes of each shard, also of one that has none and of one that is not listed any more.

    Raises `Unavailable`.
    """
    found = dict.fromkeys(listed(), 0) | {name: used.bytes for name, used in (await placements.usage()).items()}
    metrics.storage_bytes_used.clear()
    for name, size in found.items():
        metrics.storage_bytes_used.labels(name).set(size)


async def keep_measuring(
    *, placements: Placements, listed: Callable[[], Iterable[str]], timer: Callable[[], float]
) -> None:
    """Measures again and again until cancelled."""
    while True:
        began = timer()
        try:
            await measure(placements=placements, listed=listed)
        except Unavailable as error:
            logger.warning("what lies on the shards can't be measured: %s", error)
        await asyncio.sleep(max(EVERY, SHARE * (timer() - began)))
