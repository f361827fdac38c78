"""Long polling of one consumer: the server answers within milliseconds of a message being there.

nats-py's `fetch` makes an error of every quiet interval and takes a server that restarts or a
consumer that is gone for the same. Here a request stands on the server until it is served, the
server's heartbeats prove that it still stands, and each way it can end has its name.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from infrastructure.nats.session import Session

EXPIRES = 30.0
HEARTBEAT = 1.0
SILENCE = 2.5 * HEARTBEAT
"""Seconds: a request stands, between the server's heartbeats, until none of them means it is lost."""

GIVE_BACK = b"-NAK"


class PullError(Exception):
    """This pull will bring nothing more; the text says why. Open another one."""


class SessionLostError(PullError):
    """The connection is gone."""


class ConsumerMissingError(PullError):
    """The consumer or its stream doesn't exist, or JetStream doesn't answer."""


class Pull:
    """Made by `open_pull`."""

    def __init__(self, session: Session, stream: str, consumer: str, batch: int) -> None:
        self._session = session
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._request = json.dumps({
            "batch": batch,
            "expires": int(EXPIRES * 1e9),
            "idle_heartbeat": int(HEARTBEAT * 1e9),
        }).encode()  # fmt: skip
        self._batch = batch
        self._inbox = session.client.new_inbox()
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._owed = 0

    async def next(self) -> Msg:
        """The next message, waiting as long as it takes. Raises `PullError` when there will be none."""
        while True:
            if self._owed <= 0 and self._arrived.empty():
                await self._ask()
            message = await self._receive()
            status = (message.headers or {}).get("Status")
            if status is None:
                self._owed -= 1
                return message
            self._judge(status, (message.headers or {}).get("Description", ""))

    async def open(self) -> None:
        """Starts listening."""
        try:
            self._subscription = await self._session.client.subscribe(self._inbox, cb=self._on_message)
        except (NatsError, OSError) as error:
            raise self._gone() from error
        self._session.watch(self._on_lost)

    async def close(self) -> None:
        """Stops listening and gives back what was on its way, so that others needn't wait for its time-out."""
        self._session.unwatch(self._on_lost)
        try:
            async with asyncio.timeout(1.0):
                await self._subscription.drain()  # type: ignore[no-untyped-call]
        except (NatsError, OSError, TimeoutError):
            self._session.suspect()
        while not self._arrived.empty():
            message = self._arrived.get_nowait()
            if message and not (message.headers or {}).get("Status"):
                await self._session.send(message.reply, GIVE_BACK)

    async def _on_message(self, message: Msg) -> None:
        self._arrived.put_nowait(message)

    def _on_lost(self) -> None:
        self._arrived.put_nowait(None)

    async def _ask(self) -> None:
        if not await self._session.send(self._subject, self._request, self._inbox):
            raise self._gone()
        self._owed = self._batch

    async def _receive(self) -> Msg:
        try:
            async with asyncio.timeout(SILENCE):
                message = await self._arrived.get()
        except TimeoutError:
            self._session.suspect()
            raise PullError("the server is silent") from None
        if message is None:
            self._owed = 0
            raise self._gone()
        return message

    def _judge(self, status: str, description: str) -> None:
        match status:
            case "100":  # a heartbeat
                return
            case "404" | "408":  # no messages in time: ask again
                self._owed = 0
            case "409" if "Consumer Deleted" not in description:  # the server's limits, leader or shutdown
                raise PullError(description)
            case _:  # 503: nobody answers for this consumer
                raise ConsumerMissingError(description or status)

    def _gone(self) -> SessionLostError:
        return SessionLostError("the connection is gone")


@asynccontextmanager
async def open_pull(session: Session, stream: str, consumer: str, *, batch: int = 1) -> AsyncIterator[Pull]:
    """Long polls `consumer` on this session; at most `batch` messages wait here unhandled."""
    pull = Pull(session, stream, consumer, batch)
    await pull.open()
    try:
        yield pull
    finally:
        await pull.close()
