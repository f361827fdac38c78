"""Views of images, shared by all read services; a newer version is never overwritten by an older one.

    <prefix>:view:{<id>}     "<version>:<bytes>", lives as long as its writer says
    <prefix>:floor:{<id>}    the newest version heard of; while it lives nothing older can be stored

The floor stops a slow reader that comes, after a change, with what it had read before it.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from redis.exceptions import ResponseError

from contracts.errors import Unavailable
from infrastructure.redis.client import Client, open_client
from infrastructure.redis.config import RedisConfig
from infrastructure.redis.script import Script
from infrastructure.telemetry import metrics

FLOOR = 600.0
"""Seconds a floor lives. No reader may come later than this with an old row: far more than the
lag at which a replica is not read any more."""

_PUT, _FORGET = Script("put.lua"), Script("forget.lua")

log = logging.getLogger(__name__)


class ViewCache:
    """Made by `open_cache`. No method raises, and none takes longer than a tenth of a second."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._refusal = ""
        self._hit, self._miss, self._error, self._skipped = (
            metrics.cache_requests.labels("redis", outcome) for outcome in ("hit", "miss", "error", "skipped")
        )

    @property
    def is_available(self) -> bool:
        """False while Redis doesn't answer and is left alone."""
        return self._client.is_available

    async def ping(self) -> bool:
        """Whether Redis answers now."""
        return await self._client.ping()

    async def get(self, image_id: UUID) -> bytes | None:
        """What was put last for this image; None when nothing is known."""
        if not self._client.is_available:
            self._skipped.inc()
            return None
        try:
            entry: bytes | None = await self._client.ask("GET", self._view(image_id))
        except (Unavailable, ResponseError) as error:
            self._note(error)
            return None
        if entry is None:
            self._miss.inc()
            return None
        self._hit.inc()
        return entry.partition(b":")[2]

    async def put(self, image_id: UUID, version: int, data: bytes, ttl: float) -> None:
        """Keeps `data` for `ttl` seconds unless a newer version is known."""
        await self._change(_PUT, image_id, version, data, _milliseconds(ttl))

    async def forget(self, image_id: UUID, version: int) -> bool:
        """Drops what is older than `version` and keeps it from coming back for ten minutes; False if that failed."""
        return await self._change(_FORGET, image_id, version, _milliseconds(FLOOR))

    async def _change(self, script: Script, image_id: UUID, *arguments: bytes | int) -> bool:
        if not self._client.is_available:
            self._skipped.inc()
            return False
        try:
            await script.run(self._client, (self._view(image_id), f"{self._prefix}:floor:{{{image_id}}}"), *arguments)
        except (Unavailable, ResponseError) as error:
            self._note(error)
            return False
        return True

    def _note(self, error: Exception) -> None:
        self._error.inc()
        if isinstance(error, ResponseError) and str(error) != self._refusal:
            self._refusal = str(error)  # told once, not with every request
            log.warning("Redis refuses: %s", error)

    def _view(self, image_id: UUID) -> str:
        return f"{self._prefix}:view:{{{image_id}}}"


@asynccontextmanager
async def open_cache(config: RedisConfig) -> AsyncIterator[ViewCache]:
    """The cache, for as long as the block runs. Starts without Redis too, and uses it as soon as it is there.

    Raises `ConfigError` or `Unavailable`, naming CHITRAM_REDIS_URL, when that is not usable.
    """
    async with open_client(config) as client:
        yield ViewCache(client, config.prefix)


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
