"""Objects that were given up: written down by the transaction that gave them up, deleted later."""

from collections.abc import Iterable
from datetime import datetime

from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.primary import Primary

Copy = tuple[str, str]
"""An object's key and the shard that holds this copy of it."""


class Discarded:
    """The table of given-up copies. Its methods raise Unavailable."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    async def count(self, shard: str) -> int:
        """How many copies wait to be deleted from a shard, now or later."""
        rows = await self._primary.ask("SELECT count(*) FROM discarded WHERE shard = $1", shard)
        return int(rows[0][0])

    async def forget(self, shard: str) -> None:
        """Drops everything about a shard that is no more."""
        await self._primary.write("DELETE FROM discarded WHERE shard = $1", shard)


async def insert_discarded(connection: Connection, copies: Iterable[Copy], not_before: datetime) -> None:
    """Has copies deleted some time after `not_before`, when every reader has heard that they are given up."""
    keys, shards = zip(*found, strict=True) if (found := list(copies)) else ((), ())
    await fetch(
        connection,
        """
        INSERT INTO discarded (key, shard, not_before)
        SELECT key, shard, $3 FROM unnest($1::text[], $2::text[]) AS given (key, shard)
        ON CONFLICT (key, shard) DO NOTHING
        """,
        keys,
        shards,
        not_before,
    )
