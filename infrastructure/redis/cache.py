"""Views of images, shared by all read services; a newer version is never overwritten by an older one.

    <prefix>:view:{<id>}     "<version>:<as of>:<bytes>", lives as long as its writer says

`as of` is the position in the primary's log that the writer's replica was known to have replayed before it was asked.
By it each reader judges for himself whether an entry can be believed, from the changes that he has heard of. So nothing
here has to be taken back: a writer that comes late, a flush, a restart and an old copy do no harm.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

from redis.exceptions import ResponseError

from contracts.errors import Unavailable
from infrastructure.redis.client import Client, open_client
from infrastructure.redis.config import RedisConfig
from infrastructure.redis.script import Script
from infrastructure.telemetry import metrics

_PUT = Script("put.lua")

log = logging.getLogger(__name__)


class Cached(NamedTuple):
    """The bytes of a view, and the position that they are as of."""

    data: bytes
    as_of: int


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

    async def get(self, image_id: UUID) -> Cached | None:
        """What is kept of this image; None when nothing is."""
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
        parts = entry.split(b":", 2)
        if len(parts) < len(("version", "as of", "bytes")) or not parts[1].isdigit():
            return None  # not ours
        return Cached(parts[2], int(parts[1]))

    async def put(self, image_id: UUID, version: int, as_of: int, data: bytes, ttl: float) -> None:
        """Keeps `data` for `ttl` seconds unless a newer version is kept, or the same as of a later position."""
        if not self._client.is_available:
            self._skipped.inc()
            return
        try:
            await _PUT.run(self._client, (self._view(image_id),), version, as_of, data, _milliseconds(ttl))
        except (Unavailable, ResponseError) as error:
            self._note(error)

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
