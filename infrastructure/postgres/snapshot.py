"""Everything in the database as it was at one moment, for backups."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from contracts.images import Blob
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.primary import Primary, in_transaction
from infrastructure.postgres.relations import Relation, copy_out, select_relations
from infrastructure.postgres.rows import SELECT_BLOBS, blob_of
from infrastructure.postgres.schema import applied_migrations

UNHURRIED = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"


class Snapshot:
    """Made by `open_snapshot`. Methods raise Unavailable; whatever others change meanwhile, they don't see it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def migrations(self) -> tuple[str, ...]:
        """Numbers of the migrations that made the schema."""
        return await applied_migrations(self._connection)

    async def relations(self) -> tuple[Relation, ...]:
        """The tables, each after those that its foreign keys lead to."""
        return await select_relations(self._connection)

    async def copy(self, relation: Relation, sink: Callable[[bytes], None]) -> int:
        """Gives all rows of a table to a sink, which is called in a thread; returns how many they are."""
        return await copy_out(self._connection, relation, sink)

    async def blobs(self, after: UUID, limit: int) -> tuple[Blob, ...]:
        """The next blobs after an id."""
        rows = await fetch(self._connection, f"{SELECT_BLOBS} WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
        return tuple(blob_of(row) for row in rows)


@asynccontextmanager
async def open_snapshot(primary: Primary) -> AsyncIterator[Snapshot]:
    """One transaction that only reads. While it lasts, the server keeps every row version that it may look at."""
    async with (
        primary.session() as connection,
        in_transaction(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    ):
        await connection.execute(UNHURRIED)
        yield Snapshot(connection)
