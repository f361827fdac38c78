"""Objects that were given up: written down by the transaction that gave them up, deleted later."""

from collections.abc import Iterable
from datetime import datetime

from infrastructure.postgres.connection import Connection, fetch

Copy = tuple[str, str]
"""An object's key and the shard that holds this copy of it."""


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
