"""One client on one TCP connection."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError

PING_EVERY = 1.0
PING_WITHIN = 2.0
REQUEST_WITHIN = 2.0
CLOSE_WITHIN = 1.0
"""Seconds: between pings, for a ping's answer, for the answer of JetStream's API, for a last flush."""


class Session:
    """Lives as long as its TCP connection; once lost it stays lost."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.js = client.jetstream(timeout=REQUEST_WITHIN)
        self.last_error: Exception | None = None
        self._suspected = asyncio.Event()
        self._watchers: set[Callable[[], None]] = set()
        self._is_lost = False

    def suspect(self) -> None:
        """Has the connection checked now instead of at the next ping."""
        self._suspected.set()

    async def on_error(self, error: Exception) -> None:
        """Called by the driver with errors nobody waits for; most of them end the connection."""
        self.last_error = error
        self.suspect()

    async def on_closed(self) -> None:
        """Called by the driver, though not on every path that closes it."""
        self.suspect()

    async def send(self, subject: str, payload: bytes = b"", reply: str = "") -> bool:
        """Hands a message to the socket; False when the connection is known to be gone."""
        if self._is_lost:
            return False
        try:
            await self.client.publish(subject, payload, reply)
        except (NatsError, OSError):
            self.suspect()
            return False
        return True

    def watch(self, watcher: Callable[[], None]) -> None:
        """Calls `watcher` when the session is lost, at once when it is already."""
        if self._is_lost:
            watcher()
        else:
            self._watchers.add(watcher)

    def unwatch(self, watcher: Callable[[], None]) -> None:
        """Takes back a `watch`."""
        self._watchers.discard(watcher)

    def end(self) -> None:
        """Declares the session lost and tells its watchers."""
        self._is_lost = True
        while self._watchers:
            self._watchers.pop()()

    async def ended(self) -> None:
        """Pings until there is no answer, then ends the session."""
        while await self._answers():
            self._suspected.clear()
            try:
                async with asyncio.timeout(PING_EVERY):
                    await self._suspected.wait()
            except TimeoutError:
                continue
        self.end()

    async def close(self) -> None:
        """Sends what is buffered, if the server takes it within a second, and frees the socket."""
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_WITHIN):
                await self.client.close()
        # The driver leaves the socket open when it fails to send what it had buffered, and a
        # socket with unsent data doesn't close while the peer hangs.
        writer = getattr(self.client._transport, "_io_writer", None)  # noqa: SLF001
        if writer:
            writer.transport.abort()

    async def _answers(self) -> bool:
        # Not client.flush(): with its read loop dead that succeeds without asking the server. And a
        # ping whose answer comes too late breaks the read loop, so one failure is final.
        try:
            await self.client.rtt(timeout=PING_WITHIN)  # type: ignore[arg-type]  # annotated int, used as seconds
        except Exception:  # noqa: BLE001 - whatever the driver raises, the connection is of no more use
            return False
        return True
