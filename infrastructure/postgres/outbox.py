"""Events on their way from the rows to the stream."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from contracts.errors import Unavailable
from infrastructure.postgres.connection import Connection, fetch, terminate
from infrastructure.postgres.errors import DRIVER_ERRORS
from infrastructure.postgres.primary import CHANNEL, Primary

PING_INTERVAL = 5.0
"""Seconds of silence after which a listening connection is asked whether it is still there."""

RELISTEN_PAUSE = 0.1
"""Seconds between attempts to listen while no server takes writes."""

PRUNE_ROWS = 5000
"""Rows deleted by one statement, so that none comes near its deadline."""

logger = logging.getLogger(__name__)


class OutboxRow(Struct, frozen=True):
    """An event to publish. `lsn` is a WAL position not before the commit that wrote it."""

    id: UUID
    subject_id: UUID
    version: int
    type: str
    payload: bytes
    lsn: str


class Batch:
    """Rows that are one claimer's until its block ends."""

    def __init__(self, connection: Connection, rows: tuple[OutboxRow, ...]) -> None:
        self._connection = connection
        self.rows = rows

    async def mark_published(self, ids: Iterable[UUID]) -> None:
        """Records that the stream has these events; it holds from the end of the block, which may raise."""
        if published := list(ids):
            await _update_published(self._connection, published)

    async def set_aside(self, ids: Iterable[UUID]) -> None:
        """Records that the stream will never have these events, so that nobody claims them again; holds as marks do.

        They count as not being in the stream, and stay for whoever looks for such (`peek`).
        """
        if hopeless := list(ids):
            await _update_set_aside(self._connection, hopeless)


class Outbox:
    """The table that holds each event until it is in the stream. Its methods raise Unavailable."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    @contextlib.asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[Batch]:
        """Up to `limit` unpublished events, oldest first, that no other claimer has.

        What isn't marked when the block ends is given back, and everything is when the block raises or its
        process dies; one that stands still keeps its claim no longer than the server lets a transaction idle.
        """
        async with self._primary.transaction() as connection:
            yield Batch(connection, await _select_claim(connection, limit))

    async def peek(self, limit: int) -> tuple[OutboxRow, ...]:
        """Up to `limit` events that are committed and, as far as is recorded, not in the stream, oldest first.

        Who reads these first and the stream afterwards has heard everything that was committed before. Nobody is
        kept from publishing them meanwhile.
        """
        async with self._primary.borrow() as connection:
            return await _select_unpublished(connection, limit)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Calls `wake` when events are written, and after each interruption in which one may have been missed.

        Runs until cancelled, on a connection whose session is its own, and finds the server again when it is restarted
        or another one takes its place. Nothing is promised about the number of calls, so `wake` should only set a flag.
        """
        failing = False
        while True:
            try:
                await self._listen_once(wake)
                failing = False
            except (Unavailable, *DRIVER_ERRORS) as error:
                if not failing:
                    logger.warning("not listening for events, will go on trying: %r", error.__cause__ or error)
                failing = True
                await asyncio.sleep(RELISTEN_PAUSE)

    async def _listen_once(self, wake: Callable[[], None]) -> None:
        """Listens until the connection is lost."""
        async with self._primary.session() as connection:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            try:
                await connection.add_listener(CHANNEL, lambda *_: wake())
                wake()
                while not await _happens(lost, PING_INTERVAL):
                    await fetch(connection, "SELECT 1")
            finally:
                # It must not go back to the pool with a listener on it.
                terminate(connection)

    async def pending(self) -> int:
        """How many events are on their way to the stream."""
        async with self._primary.borrow() as connection:
            return await _select_pending(connection)

    async def prune(self, before: datetime) -> int:
        """Deletes the events that were published, or set aside, before a time, and gives their number."""
        deleted = 0
        async with self._primary.borrow() as connection:
            for delete in (_delete_published, _delete_set_aside):
                while batch := await delete(connection, before):
                    deleted += batch
        return deleted


async def _happens(event: asyncio.Event, within: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
    return event.is_set()


async def _select_claim(connection: Connection, limit: int) -> tuple[OutboxRow, ...]:
    return await _select_unpublished(connection, limit, "AND set_aside_at IS NULL", "FOR UPDATE SKIP LOCKED")


async def _select_unpublished(
    connection: Connection, limit: int, condition: str = "", locking: str = ""
) -> tuple[OutboxRow, ...]:
    """The position is read after the statement's snapshot was taken, so no event in it was committed later."""
    rows = await fetch(
        connection,
        f"""
        SELECT id, subject_id, version, type, payload, pg_current_wal_insert_lsn()::text
        FROM outbox
        WHERE published_at IS NULL {condition}
        ORDER BY created_at, id
        LIMIT $1
        {locking}
        """,  # noqa: S608 - a constant of this module
        limit,
    )
    return tuple(OutboxRow(*row) for row in rows)


async def _update_published(connection: Connection, ids: list[UUID]) -> None:
    await fetch(connection, "UPDATE outbox SET published_at = now() WHERE id = any($1::uuid[])", ids)


async def _update_set_aside(connection: Connection, ids: list[UUID]) -> None:
    await fetch(connection, "UPDATE outbox SET set_aside_at = now() WHERE id = any($1::uuid[])", ids)


async def _select_pending(connection: Connection) -> int:
    rows = await fetch(connection, "SELECT count(*) FROM outbox WHERE published_at IS NULL AND set_aside_at IS NULL")
    return int(rows[0][0])


async def _delete_published(connection: Connection, before: datetime) -> int:
    return await _delete(connection, "published_at < $1", before)


async def _delete_set_aside(connection: Connection, before: datetime) -> int:
    return await _delete(connection, "published_at IS NULL AND set_aside_at < $1", before)


async def _delete(connection: Connection, condition: str, before: datetime) -> int:
    rows = await fetch(
        connection,
        f"DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE {condition} LIMIT $2) RETURNING id",  # noqa: S608
        before,
        PRUNE_ROWS,
    )
    return len(rows)
