"""Knowing that the primary is away without making every request find out.

requests succeed -> nothing is asked
silence, or a request that got no answer -> the servers are asked, each on a new connection
asked in vain `TRIES` times in a row -> down: requests fail at once, until one of the servers takes writes
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from contracts.errors import Unavailable

EVERY = 1.0
"""Seconds of silence after which the servers are asked."""

AGAIN = 0.25
"""Seconds before they are asked again after it was in vain."""

TRIES = 2
"""Times in vain that make it down: one may be chance, on a machine that has much to do."""

logger = logging.getLogger(__name__)


class Watch:
    """Whether the primary is there, as far as this process knows."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        """`ask` returns when one of the servers takes writes, and raises Unavailable within a second or so."""
        self._ask = ask
        self._vain = 0
        self._heard = False
        self._doubt = asyncio.Event()

    @property
    def is_down(self) -> bool:
        """Whether it is of no use to ask for anything."""
        return self._vain >= TRIES

    def hear(self) -> None:
        """Something was answered."""
        self._heard = True

    def doubt(self) -> None:
        """Something was not answered: it is found out now."""
        self._doubt.set()

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            await self._rest(AGAIN if self._vain else EVERY)
            if self._heard and not self._doubt.is_set() and not self.is_down:
                self._heard, self._vain = False, 0
                continue
            self._doubt.clear()
            await self._look()

    async def _look(self) -> None:
        was_down = self.is_down
        try:
            await self._ask()
        except Unavailable:
            self._vain += 1
        else:
            self._vain = 0
        if self.is_down != was_down:
            logger.warning(
                "the primary is %s", "not asked any more until it answers" if self.is_down else "there again"
            )

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._doubt.wait()
        except TimeoutError:
            return
