"""Keeping a service's list of shards the one that holds."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from contracts.errors import Unavailable
from contracts.events import Event, ShardsChanged
from contracts.shards import ShardMap
from services.shared.running import background

logger = logging.getLogger(__name__)

SHARD_EVENTS = (str(ShardsChanged.__struct_config__.tag),)
"""Types of the events that a follower wants to hear."""

POLL = 1.0
"""Seconds between looks when no event comes: an event can be late, or NATS away."""

NewerThan = Callable[[int], Awaitable[ShardMap | None]]
"""The list as the database has it, if it is newer than a version. Raises `Unavailable`."""


class Storage(Protocol):
    """The room whose shards are changed."""

    @property
    def version(self) -> int: ...

    async def change(self, shards: ShardMap) -> None:
        """Takes a list if it is newer. Never raises."""
        ...


class ShardList(Protocol):
    """The list in the database. Raises `Unavailable`."""

    async def newer_than(self, version: int) -> ShardMap | None: ...

    async def seed(self, shards: ShardMap) -> ShardMap:
        """Writes the first list down unless somebody has; gives what holds."""
        ...


async def first_shards(configured: Callable[[], ShardMap], *, shard_list: ShardList) -> ShardMap:
    """The list in the database, or what the first process of a new system finds in its configuration."""
    return await shard_list.newer_than(0) or await shard_list.seed(configured())


class ShardFollower:
    """Takes over what events say of the shards at once, and looks at the database in between."""

    def __init__(self, *, newer_than: NewerThan, storage: Storage) -> None:
        self._newer_than = newer_than
        self._storage = storage
        self._heard: ShardMap | None = None
        self._wake = asyncio.Event()

    async def refresh(self) -> None:
        """Returns when the list that holds now is in use: one short question. Raises `Unavailable`."""
        if shards := await self._newer_than(self._storage.version):
            await self._storage.change(shards)

    def hear(self, event: Event) -> None:
        """Takes the list of an event about the shards; others are no news here. Never blocks."""
        if isinstance(event, ShardsChanged) and (self._heard is None or event.version > self._heard.version):
            self._heard = event.shards
            self._wake.set()

    async def run(self) -> None:
        """Follows until cancelled."""
        while True:
            try:
                async with asyncio.timeout(POLL):
                    await self._wake.wait()
            except TimeoutError:
                await self._look()
            else:
                self._wake.clear()
                if self._heard:
                    await self._storage.change(self._heard)

    async def _look(self) -> None:
        try:
            await self.refresh()
        except Unavailable as error:
            logger.debug("can't look whether the shards have changed: %s", error)


@asynccontextmanager
async def following(newer_than: NewerThan, storage: Storage) -> AsyncIterator[ShardFollower]:
    """A follower that runs while the block does."""
    follower = ShardFollower(newer_than=newer_than, storage=storage)
    async with background(follower.run()):
        yield follower
