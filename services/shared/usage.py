"""When credentials were last used: told to the primary rarely, and many at a time."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from contracts.errors import Unavailable

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two tellings."""

COARSE = timedelta(hours=1)
"""A use is worth telling when the one that was told last is so long ago."""

MOST = 10_000
"""Credentials remembered; of more, those noted longest ago are told again sooner."""

Touch = Callable[[Mapping[UUID, datetime]], Awaitable[None]]
"""Records the last use of credentials. Raises `Unavailable`."""


class UsageLog:
    """Notes uses in memory, at no cost to the request."""

    def __init__(self) -> None:
        self._told: OrderedDict[UUID, datetime] = OrderedDict()
        self._waiting: dict[UUID, datetime] = {}

    def note(self, credential_id: UUID, now: datetime) -> None:
        """Takes down one use, unless one of about the same time was."""
        told = self._told.get(credential_id)
        if told is not None and now - told < COARSE:
            return
        self._told[credential_id] = now
        self._waiting[credential_id] = now
        if len(self._told) > MOST:
            self._waiting.pop(self._told.popitem(last=False)[0], None)

    async def tell(self, touch: Touch) -> None:
        """Tells what was noted since the last time; on failure it is told the next time."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            await touch(waiting)
        except Unavailable as error:
            logger.warning("the last use of %d credentials can't be recorded yet: %s", len(waiting), error)
            self._waiting = waiting | self._waiting

    async def keep_telling(self, touch: Touch) -> None:
        """Tells every minute until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.tell(touch)
