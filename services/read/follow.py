"""Hearing what changed: an event carries the image as it is now, which makes everything older untrue."""

import asyncio
import logging
from collections.abc import Callable

from contracts.images import Image
from services.read.memory import Memory, prepare
from services.read.ports import SharedCache

logger = logging.getLogger(__name__)

BACKLOG = 10_000
"""Changes that may wait to reach the shared cache."""

PAUSE = 0.2
"""Seconds before telling a cache again that did not listen."""


class Follower:
    """Takes what events say into memory at once, and to the shared cache as fast as it listens."""

    def __init__(self, *, memory: Memory, shared: SharedCache, on_overflow: Callable[[], None]) -> None:
        """`on_overflow` hears when a change could not be kept for the shared cache."""
        self._memory = memory
        self._shared = shared
        self._on_overflow = on_overflow
        self._waiting: asyncio.Queue[Image] = asyncio.Queue(BACKLOG)
        self._telling = False

    @property
    def has_told_all(self) -> bool:
        """Whether the shared cache knows of every change that was heard."""
        return not self._telling and self._waiting.empty()

    def hear(self, image: Image) -> None:
        """Takes the image of an event. Never blocks."""
        if image.deleted_at is not None:
            self._memory.bury(str(image.id))
        else:
            self._memory.forget(str(image.id), image.version)
            self._memory.remember(prepare(image))
        try:
            self._waiting.put_nowait(image)
        except asyncio.QueueFull:
            logger.warning("too many changes wait for the shared cache; it is not used for a while")
            self._on_overflow()

    async def run(self) -> None:
        """Tells the shared cache, each change until it has listened; until cancelled."""
        while True:
            image = await self._waiting.get()
            self._telling = True
            while not await self._shared.forget(image.id, image.version):  # noqa: ASYNC110 - nothing tells when it will
                await asyncio.sleep(PAUSE)
            self._telling = False
