"""How often somebody may try: a bound on guessing passwords and on making accounts.

The generic cell rate algorithm: each attempt moves a mark into the future by its share of the period, and is refused
when that would lie more than the period ahead. Refused attempts don't move it, so they don't lengthen the wait.
"""

import math
from collections import OrderedDict
from collections.abc import Callable

from contracts.errors import RateLimitExceeded

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
