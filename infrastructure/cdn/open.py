"""Opening what tells caches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from infrastructure.cdn.calls import calls_to
from infrastructure.cdn.config import CdnConfig
from infrastructure.cdn.purger import Purger


@asynccontextmanager
async def open_cdn(config: CdnConfig) -> AsyncIterator[Purger | None]:
    """All caches before the gateway, or None where there are none. They need not be there yet."""
    if not config.addresses:
        yield None
        return
    caches = [calls_to(address, config.token) for address in config.addresses]
    async with aiohttp.ClientSession() as http:
        yield Purger(caches, http, timeout=config.timeout)
