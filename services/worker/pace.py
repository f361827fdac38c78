"""Work at a stated rate, so that it leaves room for others."""

import asyncio
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Lets through so many bytes a second, over any number of concurrent callers. `clock` is monotonic."""

    def __init__(self, rate: float | None, *, clock: Callable[[], float], sleep: Sleep = asyncio.sleep) -> None:
        """None is no limit."""
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0

    async def spend(self, amount: int) -> None:
        """Returns when these bytes may be moved. Rest that was not used is not made up for."""
        if self._rate is None:
            return
        now = self._clock()
        begin = max(self._free_at, now)
        self._free_at = begin + amount / self._rate
        if begin > now:
            await self._sleep(begin - now)
