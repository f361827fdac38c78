"""Telling of copies that a read found missing or wrong, so that somebody repairs them."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from contracts.errors import Unavailable
from contracts.events import CopyDamaged

logger = logging.getLogger(__name__)

WAITING = 1000
"""Hints that may wait to be published; more are dropped, and found by the next scrub."""

REMEMBERED = 10_000
QUIET = 60.0
"""How many copies are not told of twice within so many seconds."""

Publish = Callable[[CopyDamaged], Awaitable[None]]
"""Hands a hint to the stream. Raises `Unavailable`."""


class DamageReporter:
    """Takes hints from reads at once and publishes them as fast as the stream takes them."""

    def __init__(self, *, now: Callable[[], datetime], new_id: Callable[[], UUID], clock: Callable[[], float]) -> None:
        """`now` gives aware times, `clock` seconds that never go back."""
        self._now = now
        self._new_id = new_id
        self._clock = clock
        self._waiting: asyncio.Queue[CopyDamaged] = asyncio.Queue(WAITING)
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()

    def bad(self, key: str, shard: str) -> None:
        """A copy is missing or wrong. Never blocks, and may be called for every read."""
        now = self._clock()
        if now < self._told.get((key, shard), 0.0) or self._waiting.full():
            return
        self._told[key, shard] = now + QUIET
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._waiting.put_nowait(CopyDamaged(self._new_id(), self._now(), key, shard))

    async def run(self, publish: Publish) -> None:
        """Publishes until cancelled. What can't be published is dropped: the next read that meets it tells again."""
        while True:
            hint = await self._waiting.get()
            try:
                await publish(hint)
            except Unavailable:
                self._told.pop((hint.key, hint.shard), None)
                logger.info("nobody could be told that %s on shard %s is damaged", hint.key, hint.shard)
