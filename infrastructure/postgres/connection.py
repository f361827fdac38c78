"""One connection: how it is made, and how a statement is run on it."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from contracts.errors import Unavailable
from infrastructure.postgres.errors import DRIVER_ERRORS, NoAnswer, Unreachable, translate
from infrastructure.postgres.hosts import server_name

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

GRACE = 0.5
"""Seconds that the client listens on after the server should have ended a statement by itself."""


class Rows(NamedTuple):
    """What a query found, and a position in the primary's log: the answer has everything committed before it."""

    rows: list[asyncpg.Record]
    as_of: int


class Connector:
    """Connects to the first of several servers that will do.

    It starts with the one that did last time. Each has `timeout` seconds of its own, so that a server
    that hangs delays a connection and doesn't prevent it.
    """

    def __init__(self, addresses: tuple[str, ...], *, timeout: float, **options: Any) -> None:
        """`options` go to `asyncpg.connect` with each address."""
        self._addresses = addresses
        self._options = {"timeout": timeout, **options}
        self._last_good = 0
        self._given_up = False

    def give_up(self) -> None:
        """Makes every later call fail at once: who stands in line at a pool that was left need not try by himself."""
        self._given_up = True

    async def __call__(
        self,
        dsn: str | None = None,  # noqa: ARG002  # the pool passes it; ours are in `addresses`
        **pool_options: Any,
    ) -> "asyncpg.Connection[asyncpg.Record]":
        """Called by the pool. Raises ConnectionError, naming each server and what was wrong with it."""
        if self._given_up:
            raise ConnectionError("left for another server")
        problems = []
        start = self._last_good
        for step in range(len(self._addresses)):
            index = (start + step) % len(self._addresses)
            address = self._addresses[index]
            try:
                connection: asyncpg.Connection[asyncpg.Record]
                connection = await asyncpg.connect(address, **self._options, **pool_options)
            except DRIVER_ERRORS as error:
                problems.append(f"{server_name(address)}: {_reason(error)}")
            else:
                self._last_good = index
                return connection
        raise ConnectionError("; ".join(problems))


CHECK_TIMEOUT = 0.5
"""Seconds that a server gets to take a connection which only asks whether it would."""


async def reach(address: str, *, within: float = CHECK_TIMEOUT, **options: Any) -> None:
    """Returns when a server has taken a connection of its own for this question. Raises Unreachable.

    `within` is in seconds; `options` go to `asyncpg.connect`.
    """
    try:
        async with asyncio.timeout(within):
            connection = await asyncpg.connect(address, **options)
            await connection.close()
    except DRIVER_ERRORS as error:
        raise Unreachable from error


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, asyncpg.exceptions.TargetServerAttributeNotMatched):
        return "takes no writes"
    return str(error) or type(error).__name__


async def fetch(connection: Connection, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """Runs one statement under the connection's deadline and gives its rows.

    Every statement of this room but COMMIT, ROLLBACK and LISTEN goes through here. Raises what
    `errors.translate` makes of the driver's error.
    """
    try:
        return await connection.fetch(statement, *arguments)
    except asyncio.CancelledError:
        terminate(connection)
        raise
    except DRIVER_ERRORS as error:
        meaning = _understand(connection, error)
        if meaning is None:
            raise
        raise meaning from error


@contextlib.contextmanager
def translating(connection: Connection) -> Iterator[None]:
    """For what is more than a statement, a script or a COPY: raises what `fetch` would."""
    try:
        yield
    except DRIVER_ERRORS as error:
        meaning = _understand(connection, error)
        if meaning is None:
            raise
        raise meaning from error


def _understand(connection: Connection, error: BaseException) -> Unavailable | None:
    """What an error means; a connection that gives no answer is dropped."""
    meaning = translate(error)
    if isinstance(meaning, NoAnswer):
        # The server may still be at it. Asking it to stop and waiting until it has could take as long again.
        terminate(connection)
    return meaning


def is_lost(connection: Connection) -> bool:
    """Whether the driver knows already that nothing can be sent any more."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back, as it does when a connection breaks
        return True


def terminate(connection: Connection) -> None:
    """Drops a connection at once; the server undoes its open transaction and gives its locks back."""
    with contextlib.suppress(asyncpg.InterfaceError):  # the pool has taken it already
        connection.terminate()


def server_settings(deadlines: Mapping[str, float]) -> dict[str, str]:
    """What a session asks of its server: `deadlines` by the server's names for them, in seconds."""
    limits = {name: f"{round(seconds * 1000)}ms" for name, seconds in deadlines.items()}
    return {"application_name": "chitram", **limits}
