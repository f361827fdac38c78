"""The rows that answers rest on: those of a replica where it is far enough, else those of the primary.

The replica's position is asked for twenty times a second and, while somebody waits for it, as often as it answers. The
primary is spared: it gets a few questions at a time and refuses the others at once, for it has to take the writes.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

from contracts.errors import Unavailable
from infrastructure.telemetry import metrics
from services.read.lag import Lag
from services.read.ports import Catalogue, Look, Primary, Replica
from services.read.rounds import Rounds

T = TypeVar("T")

PATIENCE = 0.1
"""Seconds that one question waits for a replica to come so far, or for word of an image."""

PLACE_WITHIN = 0.1
"""Seconds that a question waits for its turn at the primary."""

LOOK_EVERY, LOOK_AGAIN, SAMPLE_EVERY = 0.05, 0.005, 0.5
"""Seconds: between looks at the replica, between them while somebody waits, between looks at the primary."""

_asked, _refused = (metrics.primary_reads.labels(outcome) for outcome in ("asked", "refused"))

logger = logging.getLogger(__name__)


class News:
    """Wakes everybody who waits for something to change."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self.is_awaited = asyncio.Event()

    def tell(self) -> None:
        """Something has changed."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()
        self.is_awaited.clear()

    async def wait(self, until: float) -> bool:
        """Waits for a change, and gives False when the loop's clock says `until` before there is one."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        self.is_awaited.set()
        try:
            async with asyncio.timeout_at(until):
                await waiting
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)
        return True


class Base:
    """The replica in use and the primary behind it."""

    def __init__(
        self,
        *,
        replica: Replica,
        rows: Catalogue,
        primary: Primary,
        primary_rows: Catalogue,
        budget: int,
        lag_bound: float,
        settle: Callable[[int], None],
    ) -> None:
        """`budget` is how many questions the primary gets at a time, `lag_bound` how many seconds a replica may be
        behind and still be waited for. `settle` is told of each position that the replica has reached.
        """
        self.rows = rows
        self.news = News()
        self._primary_rows = primary_rows
        self._replica = replica
        self._primary = primary
        self._places = asyncio.Semaphore(budget)
        self._lag_bound = lag_bound
        self._settle = settle
        self._lag = Lag()
        self._index = Rounds(self._sample)
        self._primary_is_there = True
        self.last_look: Look | None = None

    @property
    def position(self) -> int:
        """How far the replica in use had replayed at the last look."""
        return self.last_look.position if self.last_look is not None else 0

    @property
    def lag(self) -> float:
        """Seconds that the replica in use is behind."""
        return self._lag.seconds(self.position, _now())

    @property
    def is_near(self) -> bool:
        """Whether the replica in use is within the bound."""
        return self.last_look is not None and self.lag < self._lag_bound

    def deadline(self) -> float:
        """Until when a question that comes now may wait, on the loop's clock; a replica beyond the bound is not waited
        for.
        """
        return _now() + (PATIENCE if self.is_near else 0.0)

    async def index(self) -> int:
        """A position not before any commit that was answered before this was called. Raises `Unavailable`.

        One question to the primary serves all who come before it is sent.
        """
        return await self._index.answer()

    async def ping(self) -> None:
        """Returns when the replica or the primary answers. Raises `Unavailable`."""
        try:
            await self.look()
        except Unavailable:
            await self.index()

    async def ask_primary(self, question: Callable[[Catalogue], Awaitable[T]]) -> T:
        """Puts a question to the primary. Raises `Unavailable` when it is away, or all places stay taken."""
        if not self._primary_is_there:
            raise Unavailable
        try:
            async with asyncio.timeout(PLACE_WITHIN):
                await self._places.acquire()
        except TimeoutError:
            _refused.inc()
            raise Unavailable from None
        try:
            _asked.inc()
            return await question(self._primary_rows)
        finally:
            self._places.release()

    async def look(self) -> None:
        """Asks the replica how far it is. Raises `Unavailable`."""
        self.last_look = await self._replica.look()
        self._settle(self.last_look.position)
        self.news.tell()

    async def keep_looking(self) -> None:
        """Looks at the replica until cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                logger.debug("no replica: %s", error)
            await asyncio.sleep(LOOK_AGAIN)
            try:
                async with asyncio.timeout(LOOK_EVERY - LOOK_AGAIN):
                    await self.news.is_awaited.wait()
            except TimeoutError:
                continue

    async def keep_sampling(self) -> None:
        """Asks the primary how far it is until cancelled, and measures by it how far the replica is behind."""
        while True:
            try:
                await self._sample()
            except Unavailable as error:
                logger.debug("no primary: %s", error)
            metrics.replica_lag_seconds.set(self.lag if self.last_look is not None else math.nan)
            await asyncio.sleep(SAMPLE_EVERY)

    async def _sample(self) -> int:
        asked_at = _now()
        try:
            position = await self._primary.position()
        except Unavailable:
            self._primary_is_there = False
            raise
        self._primary_is_there = True
        self._lag.note(asked_at, position)
        return position


def _now() -> float:
    return asyncio.get_running_loop().time()
