"""Fetching an object for nginx: whole and right, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from contracts.errors import Unavailable
from services.read.ports import Objects

DEADLINE = 12.0
"""Seconds for all of it: less than nginx waits."""


class Wanted(msgspec.Struct, frozen=True):
    """An object, where its copies are, and what they must be.

    `sha256` is hexadecimal, or empty where nobody recorded it.
    """

    key: str
    placement: tuple[str, ...]
    size: int
    sha256: str


class Budget:
    """Bytes that may be in memory at once. An object that is larger than all of it has to be alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._given = asyncio.Condition()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Waits for room for `size` bytes and holds it during the block."""
        amount = min(size, self._limit)
        async with self._given:
            await self._given.wait_for(lambda: self._taken + amount <= self._limit)
            self._taken += amount
        try:
            yield
        finally:
            self._taken -= amount
            async with self._given:
                self._given.notify_all()


@asynccontextmanager
async def fetch(wanted: Wanted, *, objects: Objects, budget: Budget) -> AsyncIterator[bytes]:
    """Shards -> the bytes of a copy that was found to be right, in memory during the block.

    A copy that hangs, is missing, short or altered costs time, never a wrong byte. Raises `Unavailable`.
    """
    try:
        async with asyncio.timeout(DEADLINE) as deadline, budget.room(wanted.size):
            data = await objects.get(wanted.key, wanted.placement, sha256=wanted.sha256 or None, size=wanted.size)
            deadline.reschedule(None)
            yield data
    except TimeoutError as error:
        raise Unavailable("No copy of the file could be reached. Try again shortly.") from error
