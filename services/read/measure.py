"""Measuring how far the replica is behind."""

import asyncio
import math
from typing import Protocol

from contracts.errors import Unavailable
from infrastructure.telemetry import metrics

EVERY = 5.0
"""Seconds between measurements."""


class Lagging(Protocol):
    """The replica in use. Raises `Unavailable`."""

    async def lag(self) -> float:
        """Seconds that it is behind the primary."""
        ...


async def measure(replica: Lagging) -> None:
    """Sets `replica_lag_seconds`; it is no number while no replica answers."""
    try:
        lag = await replica.lag()
    except Unavailable:
        lag = math.nan
    metrics.replica_lag_seconds.set(lag)


async def keep_measuring(replica: Lagging) -> None:
    """Measures every five seconds until cancelled."""
    while True:
        await measure(replica)
        await asyncio.sleep(EVERY)
