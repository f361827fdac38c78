"""Connections to S3 servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiobotocore.httpsession import AIOHTTPSession

from infrastructure.storage.config import Deadlines

CONNECTIONS = 64
"""To one server at once; a call that finds none free waits, within its deadline."""


@asynccontextmanager
async def open_session(*, tls: bool, deadlines: Deadlines) -> AsyncIterator[AIOHTTPSession]:
    """A pool of kept connections for one server. Connects to nothing yet."""
    timeout = (deadlines.connect, max(deadlines.put, deadlines.get, deadlines.list))
    async with AIOHTTPSession(verify=tls, timeout=timeout, max_pool_connections=CONNECTIONS) as session:  # type: ignore[arg-type]  # the stubs know one number only, it takes a pair
        yield session
