"""The list of shards: what new objects are put on and where placements lead."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

import asyncpg

from contracts.events import ShardsChanged
from contracts.shards import Shard, ShardMap, ShardState
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.events import insert_event
from infrastructure.postgres.primary import Primary

Decide: TypeAlias = Callable[[ShardMap], tuple[Shard, ...]]


class Fetch(Protocol):
    """Runs a statement on the primary or on a replica."""

    def __call__(self, statement: str, *arguments: object) -> Awaitable[list[asyncpg.Record]]: ...


async def newer_than(version: int, *, fetch: Fetch) -> ShardMap | None:
    """The list, if it has changed since a version; None when it hasn't. One short statement. Raises Unavailable."""
    return _map(await fetch(_SELECT_NEWER, version))


class ShardList:
    """The only way to change the list: with the event that tells of it. Raises Unavailable and OutcomeUnknown."""

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def select(self) -> ShardMap:
        """The list as it is; its version is 0 when nobody has written it yet."""
        return await newer_than(-1, fetch=self._primary.ask) or ShardMap(0, ())

    async def newer_than(self, version: int) -> ShardMap | None:
        """The list, if it has changed since a version."""
        return await newer_than(version, fetch=self._primary.ask)

    async def unchanged_since(self, name: str) -> datetime | None:
        """When a shard's entry was changed last; None when it has none."""
        rows = await self._primary.ask("SELECT changed_at FROM shards WHERE shard = $1", name)
        return rows[0][0] if rows else None

    async def seed(self, shards: ShardMap) -> ShardMap:
        """Writes the first list down unless somebody has; gives what holds. Says nothing: nobody knew another."""

        async def work(connection: Connection) -> ShardMap:
            known = await _lock(connection)
            return known if known.version else await self._write(connection, ShardMap(1, _sorted(shards.shards)))

        return (await self._primary.transact(work))[0]

    async def change(self, decide: Decide) -> ShardMap:
        """Writes the list that `decide` makes of the one it is shown. Says ShardsChanged, unless nothing changes.

        Raises what `decide` raises to refuse. It runs while the list is locked, and again if the transaction has to
        be repeated: it must have no effects.
        """

        async def work(connection: Connection) -> ShardMap:
            known = await _lock(connection)
            shards = _sorted(decide(known))
            if shards == known.shards:
                return known
            changed = await self._write(connection, ShardMap(known.version + 1, shards))
            await insert_event(connection, ShardsChanged(self._new_id(), self._clock(), changed))
            return changed

        return (await self._primary.transact(work))[0]

    async def _write(self, connection: Connection, shards: ShardMap) -> ShardMap:
        now = self._clock()
        await _delete_others(connection, [shard.name for shard in shards.shards])
        for shard in shards.shards:
            await _upsert(connection, shard, now)
        await fetch(connection, "UPDATE shard_map SET version = $1", shards.version)
        return shards


_SELECT_NEWER = """
SELECT shard_map.version, shards.shard, shards.url, shards.weight, shards.state
FROM shard_map
LEFT JOIN shards ON TRUE
WHERE shard_map.version > $1
ORDER BY shards.shard
"""


async def _lock(connection: Connection) -> ShardMap:
    """The list; until the transaction ends nobody else changes it."""
    await fetch(connection, "SELECT version FROM shard_map FOR UPDATE")
    return _map(await fetch(connection, _SELECT_NEWER, -1)) or ShardMap(0, ())


def _sorted(shards: tuple[Shard, ...]) -> tuple[Shard, ...]:
    """As the database gives them, so that lists can be compared."""
    return tuple(sorted(shards, key=lambda shard: shard.name))


def _map(rows: list[asyncpg.Record]) -> ShardMap | None:
    if not rows:
        return None
    shards = (Shard(name, url, weight, ShardState(state)) for _, name, url, weight, state in rows if name is not None)
    return ShardMap(rows[0]["version"], tuple(shards))


async def _delete_others(connection: Connection, names: list[str]) -> None:
    await fetch(connection, "DELETE FROM shards WHERE shard <> all($1::text[])", names)


async def _upsert(connection: Connection, shard: Shard, now: datetime) -> None:
    """`changed_at` says since when the shard is as it is."""
    await fetch(
        connection,
        """
        INSERT INTO shards (shard, url, weight, state, changed_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (shard) DO UPDATE
        SET url = excluded.url, weight = excluded.weight, state = excluded.state, changed_at = excluded.changed_at
        WHERE (shards.url, shards.weight, shards.state) <> (excluded.url, excluded.weight, excluded.state)
        """,
        shard.name,
        shard.url,
        shard.weight,
        shard.state.value,
        now,
    )
