"""An empty database that gets the rows of a backup."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager

from contracts.errors import Refused
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.primary import Primary, in_transaction
from infrastructure.postgres.relations import Relation, copy_in, select_relations
from infrastructure.postgres.schema import applied_migrations, known_migrations, migrate_to
from infrastructure.postgres.snapshot import UNHURRIED

OWN = frozenset({"heartbeat", "walks", "shards", "shard_map"})
"""Tables whose rows a system writes by itself as soon as it runs: nobody misses them."""

_LOOK = 0.2
"""Seconds between looks for others."""


class Loader:
    """Made by `Refilling.open`. Raises Unavailable."""

    def __init__(self, connection: Connection, relations: Collection[Relation]) -> None:
        self._connection = connection
        self._relations = {relation.name: relation for relation in relations}

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """The columns of each table that wants its rows."""
        return {relation.name: relation.columns for relation in self._relations.values()}

    async def load(self, table: str, columns: tuple[str, ...], source: Iterator[bytes]) -> int:
        """Fills a table with what was copied out of it; returns the number of rows. `source` is read in a thread."""
        return await copy_in(self._connection, Relation(table, columns, 0), source)


class Refilling:
    """The database that a backup is restored into."""

    def __init__(self, primary: Primary, *, patience: float = 10.0) -> None:
        """`patience` is in seconds: servers notice a moment later that a service has gone."""
        self._primary = primary
        self._patience = patience

    async def require_empty(self) -> None:
        """Raises Refused when there are rows in it that somebody may miss, or tables that are not ours."""
        async with self._primary.session() as connection:
            await _require_schema_of_ours(connection)
            await _require_empty(connection, await select_relations(connection))

    async def require_alone(self) -> None:
        """Raises Refused when services stay connected to it."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience
        async with self._primary.session() as connection:
            while others := await _count_others(connection):
                if clock() > deadline:
                    raise Refused(f"Services still have {others} connections to the database. Stop all of them first.")
                await asyncio.sleep(_LOOK)

    def unknown(self, migrations: Collection[str]) -> list[str]:
        """Those that this release doesn't have."""
        return sorted(set(migrations) - known_migrations().keys())

    @asynccontextmanager
    async def open(self, migrations: Collection[str]) -> AsyncIterator[Loader]:
        """Gives the database the schema of some migrations and lets it be filled: all of it becomes true at the end, or
        nothing. Raises Refused as `require_empty` does.

        Triggers don't fire: what they would do is in the rows already. Foreign keys are checked. Which copies were
        to be deleted is forgotten: objects may have been moved to these places since. A sweep finds what nobody names.
        """
        async with self._primary.session() as connection, in_transaction(connection):
            await connection.execute(UNHURRIED)
            await _require_schema_of_ours(connection)
            before = await select_relations(connection)
            await _lock(connection, before)
            await _require_empty(connection, before)
            await migrate_to(connection, migrations)
            relations = await select_relations(connection)
            await _each(connection, relations, 'ALTER TABLE "{}" DISABLE TRIGGER USER')
            await _each(connection, relations, 'DELETE FROM "{}"')
            yield Loader(connection, relations)
            if any(relation.name == "discarded" for relation in relations):
                await fetch(connection, "DELETE FROM discarded")
            await _each(connection, relations, 'ALTER TABLE "{}" ENABLE TRIGGER USER')
            await _each(connection, relations, 'ANALYZE "{}"')


async def _lock(connection: Connection, relations: Collection[Relation]) -> None:
    await _each(connection, relations, 'LOCK TABLE "{}" IN ACCESS EXCLUSIVE MODE')


async def _each(connection: Connection, relations: Collection[Relation], statement: str) -> None:
    """`statement` for each table, by names from the catalogue."""
    for relation in relations:
        await fetch(connection, statement.format(relation.name))


async def _require_schema_of_ours(connection: Connection) -> None:
    """Nothing but what some of our migrations have made may be there: others' tables are no business of ours."""
    applied = await applied_migrations(connection)
    if unknown := sorted(set(applied) - known_migrations().keys()):
        raise Refused(f"The database has migrations that this release doesn't know: {', '.join(unknown)}.")
    if not applied and (relations := await select_relations(connection)):
        raise Refused(f"The database has tables that are not Chitram's: {', '.join(one.name for one in relations)}.")


async def _require_empty(connection: Connection, relations: Collection[Relation]) -> None:
    for relation in relations:
        if relation.name not in OWN and await fetch(connection, f'SELECT 1 FROM "{relation.name}" LIMIT 1'):  # noqa: S608 - a name from the catalogue
            raise Refused(
                f"The database is not empty: “{relation.name}” has rows. A backup is restored into a new database only."
            )


async def _count_others(connection: Connection) -> int:
    rows = await fetch(
        connection,
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'chitram' AND pid <> pg_backend_pid()
        """,
    )
    return int(rows[0][0])
