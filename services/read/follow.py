"""Hearing what changed: an event makes everything older that is remembered of its image untrue."""

import asyncio
import logging

from contracts.images import Image
from services.read.memory import Memory
from services.read.ports import SharedCache

logger = logging.getLogger(__name__)

BACKLOG = 10_000
"""Changes that may wait to reach the shared cache; more are dropped there, and its entries run out by themselves."""


class Follower:
    """Drops what is older than an event: from memory at once, from the shared cache as fast as it takes it."""

    def __init__(self, *, memory: Memory, shared: SharedCache) -> None:
        self._memory = memory
        self._shared = shared
        self._waiting: asyncio.Queue[Image] = asyncio.Queue(BACKLOG)

    def hear(self, image: Image) -> None:
        """Takes the image of an event. Never blocks."""
        self._memory.forget(str(image.id), image.version)
        try:
            self._waiting.put_nowait(image)
        except asyncio.QueueFull:
            logger.warning("the shared cache is too slow to hear of image %s", image.id)

    async def run(self) -> None:
        """Tells the shared cache, until cancelled."""
        while True:
            image = await self._waiting.get()
            await self._shared.forget(image.id, image.version)
