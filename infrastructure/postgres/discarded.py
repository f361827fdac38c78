"""Objects that were given up: written down by the transaction that gave them up, deleted later."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.primary import Primary

Copy = tuple[str, str]
"""An object's key and the shard that holds this copy of it."""

IS_NAMED = """
EXISTS (
    SELECT 1
    FROM blobs
    WHERE
        blobs.id = CASE WHEN copy.key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/' THEN left(copy.key, 36)::uuid END
        AND (
            (copy.key = blobs.id || '/original' AND copy.shard = any(blobs.placement))
            OR blobs.derivatives @> jsonb_build_array(
                jsonb_build_object('key', copy.key, 'placement', jsonb_build_array(copy.shard))
            )
        )
)
"""
"""That a row names a copy: the condition on a `copy` with its `key` and its `shard`."""


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


class Due:
    """Copies that are one claimer's until its block ends."""

    def __init__(self, connection: Connection, copies: tuple[Copy, ...]) -> None:
        self._connection = connection
        self.copies = copies

    async def forget(self, copies: Iterable[Copy]) -> None:
        """These are deleted; it holds from the end of the block, which may raise."""
        if found := list(copies):
            await _delete(self._connection, *_columns(found))

    async def postpone(self, copies: Iterable[Copy], not_before: datetime) -> None:
        """These could not be deleted and are due again later."""
        if found := list(copies):
            await _update_due(self._connection, *_columns(found), not_before)


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

    @contextlib.asynccontextmanager
    async def claim(self, now: datetime, limit: int) -> AsyncIterator[Due]:
        """Up to `limit` copies that are due, those that wait longest first, which no other claimer has.

        One that a row names again, because its object was moved back, is not among them and is struck off. What isn't
        forgotten or postponed when the block ends is given back, and everything is when it raises.
        """
        async with self._primary.transaction() as connection:
            rows = await _select_due(connection, now, limit)
            if named := [copy for copy, is_named in rows if is_named]:
                await _delete(connection, *_columns(named))
            yield Due(connection, tuple(copy for copy, is_named in rows if not is_named))


def _columns(copies: list[Copy]) -> tuple[list[str], list[str]]:
    return [key for key, _ in copies], [shard for _, shard in copies]


async def _select_due(connection: Connection, now: datetime, limit: int) -> list[tuple[Copy, bool]]:
    """Whether a row names it is asked in a statement of its own, which sees what was committed before the lock."""
    locked = await fetch(
        connection,
        """
        SELECT key, shard
        FROM discarded
        WHERE not_before <= $1
        ORDER BY not_before
        LIMIT $2
        FOR UPDATE SKIP LOCKED
        """,
        now,
        limit,
    )
    copies = [(row["key"], row["shard"]) for row in locked]
    rows = await fetch(
        connection,
        f"SELECT key, shard, {IS_NAMED} FROM unnest($1::text[], $2::text[]) AS copy (key, shard)",  # noqa: S608
        *_columns(copies),
    )
    return [((key, shard), is_named) for key, shard, is_named in rows]


async def _delete(connection: Connection, keys: list[str], shards: list[str]) -> None:
    await fetch(
        connection,
        "DELETE FROM discarded USING unnest($1::text[], $2::text[]) AS gone (key, shard) "
        "WHERE discarded.key = gone.key AND discarded.shard = gone.shard",
        keys,
        shards,
    )


async def _update_due(connection: Connection, keys: list[str], shards: list[str], not_before: datetime) -> None:
    await fetch(
        connection,
        "UPDATE discarded SET not_before = $3 FROM unnest($1::text[], $2::text[]) AS late (key, shard) "
        "WHERE discarded.key = late.key AND discarded.shard = late.shard",
        keys,
        shards,
        not_before,
    )
