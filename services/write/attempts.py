"""How often somebody may try: a bound on guessing passwords and on making accounts.

Counted for all services together, and by each for itself while that can't be done: a guess must not go uncounted.

The generic cell rate algorithm: each attempt moves a mark into the future by its share of the period, and is refused
when that would lie more than the period ahead. Refused attempts don't move it, so they don't lengthen the wait.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from contracts.errors import RateLimitExceeded, Unavailable
from services.shared.throttle import Limiter
from services.write.ports import Attempts

MOST = 100_000
"""Marks kept, about 20 MB of them; beyond, the one that was moved longest ago is forgotten."""


class LocalAttempts:
    """Attempts counted in this process. `clock` gives seconds and never goes back."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._marks: OrderedDict[str, float] = OrderedDict()

    async def take(self, what: str, limit: int, period: float) -> None:
        """Counts an attempt at `what`, of which there may be `limit` in `period` seconds. Raises RateLimitExceeded."""
        now = self._clock()
        mark = max(self._marks.get(what, now), now) + period / limit
        if mark > now + period + 1e-9:
            raise RateLimitExceeded(math.ceil(mark - now - period))
        self._marks[what] = mark
        self._marks.move_to_end(what)
        if len(self._marks) > MOST:
            self._marks.popitem(last=False)

    async def forget(self, what: str) -> None:
        """An attempt was right: those before it count no more."""
        self._marks.pop(what, None)


class Forgetting(Limiter, Protocol):
    """A limiter that can give units back."""

    async def forget(self, what: str) -> None: ...


class SharedAttempts:
    """Attempts counted for all services together; while nobody counts, by `meanwhile`."""

    def __init__(self, limiter: Forgetting, *, meanwhile: Attempts) -> None:
        self._limiter = limiter
        self._meanwhile = meanwhile

    async def take(self, what: str, limit: int, period: float) -> None:
        """Counts an attempt at `what`, of which there may be `limit` in `period` seconds. Raises RateLimitExceeded."""
        try:
            grant = await self._limiter.take(what, limit, period)
        except Unavailable:
            await self._meanwhile.take(what, limit, period)
            return
        if not grant.granted:
            raise RateLimitExceeded(
                max(1, math.ceil(grant.retry_after)), limit=limit, reset_after=math.ceil(grant.reset_after)
            )

    async def forget(self, what: str) -> None:
        """An attempt was right: those before it count no more."""
        await self._meanwhile.forget(what)
        with suppress(Unavailable):  # they are forgotten with time in any case
            await self._limiter.forget(what)
