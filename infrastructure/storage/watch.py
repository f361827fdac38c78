"""Asks shards how they are, so that no request has to find out."""

import asyncio
import logging
from collections.abc import Mapping

from infrastructure.storage.breaker import Breaker
from infrastructure.storage.shard import Shard, ShardFailed

logger = logging.getLogger(__name__)


class Watch:
    """Pings the shards that are avoided, whenever their breakers let a probe through, and those that somebody doubts.

    A doubt is raised by a call that took too long and, in a read service, which never calls a shard
    itself, by nginx telling that it could not fetch something. Either may be the fault of one
    object, so it makes us ask the shard, and only a shard that fails that is avoided.
    """

    def __init__(self, shards: Mapping[str, Shard], breakers: Mapping[str, Breaker], *, interval: float = 0.5) -> None:
        """`interval` is seconds between looks at the breakers; a doubt is followed up within a fifth of it."""
        self._shards = shards
        self._breakers = breakers
        self._interval = interval
        self._doubted: set[str] = set()
        self._wake = asyncio.Event()

    def doubt(self, name: str) -> None:
        """Asks for a ping of a shard, soon. Cheap, and may be called for every failure."""
        self._doubted.add(name)
        self._wake.set()

    async def run(self) -> None:
        """Watches until it is cancelled."""
        while True:
            doubted, self._doubted = self._doubted, set()
            self._wake.clear()
            avoided = [name for name in self._breakers if self._is_due(name)]
            pings = *(self._probe(name) for name in avoided), *(self._examine(name) for name in doubted)
            for result in await asyncio.gather(*pings, return_exceptions=True):
                if result is not None:  # a bug, which must not end the watch
                    logger.error("a shard could not be asked how it is", exc_info=result)
            await asyncio.sleep(self._interval / 5)
            await self._pause()

    def _is_due(self, name: str) -> bool:
        breaker = self._breakers[name]
        return not breaker.is_closed and breaker.allow()

    async def _probe(self, name: str) -> None:
        try:
            with self._breakers[name].call():
                await self._shards[name].ping()
        except ShardFailed:
            return  # the breaker has taken note

    async def _examine(self, name: str) -> None:
        breaker = self._breakers.get(name)
        if breaker is None or not breaker.is_closed:
            return  # it is no more, or avoided already and has its own probe
        try:
            await self._shards[name].ping()
        except ShardFailed:
            breaker.trip()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._interval):
                await self._wake.wait()
        except TimeoutError:
            return
