"""Who may decode now: work is let in by what it weighs, in the order it came, urgent work first."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

_Waiter = tuple[bool, int, int, asyncio.Future[None]]


class Admission:
    """At most `places` pieces of work at once, whose weights sum to at most `weight`.

    Work heavier than that is let in alone. Nothing overtakes: light work waits behind heavy, so that heavy work
    gets its turn; except that urgent work goes before the rest.
    """

    def __init__(self, places: int, weight: int) -> None:
        self._places = places
        self._limit = weight
        self._weight = weight
        self._waiting: list[_Waiter] = []
        self._order = count()

    @asynccontextmanager
    async def admit(self, weight: int, *, urgent: bool) -> AsyncIterator[None]:
        """Holds a place while the block runs; waits for it as long as it takes."""
        weight = min(weight, self._limit)
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not urgent, next(self._order), weight, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave(weight)
            else:
                turn.cancel()
                self._let_in()
            raise
        try:
            yield
        finally:
            self._leave(weight)

    def _leave(self, weight: int) -> None:
        self._places += 1
        self._weight += weight
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            _, _, weight, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._places or weight > self._weight:
                    return
                self._places -= 1
                self._weight -= weight
                turn.set_result(None)
            heapq.heappop(self._waiting)
