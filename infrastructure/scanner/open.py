"""Opening the scanner that is configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

import aiohttp

from infrastructure.scanner.clamd import Clamd
from infrastructure.scanner.config import ScannerConfig
from infrastructure.scanner.hook import Hook
from infrastructure.scanner.scanner import Scanner


@asynccontextmanager
async def open_scanner(config: ScannerConfig) -> AsyncIterator[Scanner | None]:
    """The scanner, or None where there is none. It need not be there yet: uploads find out, and health says so."""
    parts = urlsplit(config.address)
    if not config.address:
        yield None
    elif parts.scheme == "clamd":
        yield Clamd(parts.hostname or "", parts.port or 0, unquote(parts.path), timeout=config.timeout)
    else:
        async with aiohttp.ClientSession() as http:
            yield Hook(config.address, http, timeout=config.timeout)
