"""Pools of connections, and the proof that what they lead to is our database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from contracts.errors import Unavailable
from infrastructure.postgres.connection import Connection, Connector
from infrastructure.postgres.errors import DRIVER_ERRORS, NotReady, Unreachable

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Begin: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]
Fetch: TypeAlias = Callable[[str], Awaitable[list[asyncpg.Record]]]

CLOSING_TIME = 2.0
"""Seconds that statements still running get to end when a pool is closed."""


async def open_pool(
    connector: Connector, size: int, *, made: int = 1, kind: type[Any] = asyncpg.Connection, begin: Begin | None = None
) -> Pool:
    """A pool with room for `size` connections and `made` of them. Raises ConnectionError when none can be made.

    They are of the class `kind`, and `begin` is called with each before it is lent for the first time; if that raises,
    so does whoever wanted to borrow it.

    Connections are kept as they are between borrowers: nothing here changes a session, and the driver's
    own reset would cost each statement another round trip.
    """
    pool: Pool = await asyncpg.create_pool(
        min_size=0,  # lost connections are made again by who needs one, not by a task in the background
        init_size=made,
        max_size=size,
        connect=connector,
        connection_class=kind,
        init=begin,
        reset=_keep,
    )
    return pool


async def _keep(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    pass


async def close_pool(pool: Pool) -> None:
    """Closes a pool, by force after `CLOSING_TIME`."""
    with contextlib.suppress(TimeoutError, *DRIVER_ERRORS):
        async with asyncio.timeout(CLOSING_TIME):
            await pool.close()


def in_use(pool: Pool) -> int:
    """How many connections somebody has borrowed at the moment."""
    return pool.get_size() - pool.get_idle_size()


@contextlib.asynccontextmanager
async def borrow(pool: Pool, wait: float) -> AsyncIterator[Connection]:
    """A connection from the pool.

    Raises Unavailable when all are busy for `wait` seconds, Unreachable when a new one can't be made.
    """
    connection = await take(pool, wait)
    try:
        yield connection
    finally:
        await give_back(pool, connection)


async def take(pool: Pool, wait: float) -> Connection:
    """`borrow` without the cost of a context manager; every `take` needs its `give_back`."""
    try:
        async with asyncio.timeout(wait):
            return await pool.acquire()
    except TimeoutError as error:
        raise Unavailable from error
    except DRIVER_ERRORS as error:
        raise Unreachable from error


async def give_back(pool: Pool, connection: Connection) -> None:
    """Returns a connection; one that broke or was terminated is simply forgotten."""
    with contextlib.suppress(*DRIVER_ERRORS):
        await pool.release(connection)


async def prove_schema(fetch: Fetch) -> None:
    """Raises NotReady unless every migration that this release knows has been applied."""
    needed = newest_migration()
    try:
        applied = await _select_newest_applied(fetch)
    except asyncpg.UndefinedTableError:
        applied = ""
    except Unavailable as error:
        raise NotReady("The Postgres server went away while it was asked for its schema.") from error
    if applied < needed:
        found = f"is at {applied}" if applied else "is missing"
        raise NotReady(f"The database schema {found}, {needed} is needed. Run the migrations (dbmate up).")


async def _select_newest_applied(fetch: Fetch) -> str:
    rows = await fetch("SELECT coalesce(max(version), '') FROM schema_migrations")
    return str(rows[0][0])


def newest_migration() -> str:
    """Number of the newest migration in this release."""
    return max(path.name.partition("_")[0] for path in (Path(__file__).parent / "migrations").glob("*.sql"))
