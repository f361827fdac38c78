"""The migrations that this release has, and how a transaction goes from one state of the schema to another.

In daily life dbmate applies them. Who restores a backup needs the schema that the backup was made of, which may be an
older one, in the transaction that fills it.
"""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from infrastructure.postgres.connection import Connection, fetch, translating

UP, DOWN = "-- migrate:up", "-- migrate:down"


class Migration(NamedTuple):
    """Two scripts of SQL: what it does, and what undoes it."""

    up: str
    down: str


def known_migrations() -> dict[str, Migration]:
    """Every migration of this release by its number, in their order."""
    files = sorted((Path(__file__).parent / "migrations").glob("*.sql"))
    return {file.name.partition("_")[0]: _parse(file.read_text()) for file in files}


def _parse(text: str) -> Migration:
    """Without dbmate's options, at the end of its marks' lines, and fit for a transaction that is alone."""
    up, _, down = text.replace(" CONCURRENTLY ", " ").partition(DOWN)
    return Migration(*(script.partition("\n")[2] for script in (up.partition(UP)[2], down)))


async def applied_migrations(connection: Connection) -> tuple[str, ...]:
    """Numbers of those that a database has; none when nobody has ever applied one."""
    if not await fetch(connection, "SELECT 1 FROM pg_tables WHERE tablename = 'schema_migrations'"):
        return ()
    return tuple(row[0] for row in await fetch(connection, "SELECT version FROM schema_migrations ORDER BY version"))


async def migrate_to(connection: Connection, wanted: Collection[str]) -> None:
    """Undoes the migrations that aren't wanted, newest first, then applies those that are missing, oldest first.

    All of them must be known. Meant for a database without rows that matter: a column that is undone takes its values
    along.
    """
    known, applied = known_migrations(), set(await applied_migrations(connection))
    await fetch(connection, "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY)")
    for version in sorted(applied.difference(wanted), reverse=True):
        await _run(connection, known[version].down)
        await fetch(connection, "DELETE FROM schema_migrations WHERE version = $1", version)
    for version in sorted(set(wanted) - applied):
        await _run(connection, known[version].up)
        await fetch(connection, "INSERT INTO schema_migrations (version) VALUES ($1)", version)


async def _run(connection: Connection, script: str) -> None:
    with translating(connection):
        await connection.execute(script)
