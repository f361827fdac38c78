"""How long to wait before trying again."""

import asyncio
import random

FIRST, LONGEST = 0.05, 1.0
"""Seconds. Short enough that a restart isn't felt, long enough that an outage isn't a busy loop."""


class Pause:
    """Between attempts: each twice as long as the one before, until one attempt has lasted for a while."""

    def __init__(self) -> None:
        self._seconds = FIRST
        self._last = 0.0

    async def take(self) -> None:
        """Waits."""
        now = asyncio.get_running_loop().time()
        self._seconds = min(2 * self._seconds, LONGEST) if now - self._last < 2 * LONGEST else FIRST
        await asyncio.sleep(self._seconds * random.uniform(0.5, 1.0))  # noqa: S311 - spreads clients, hides nothing
        self._last = now + self._seconds
