"""The tables that hold rows of ours, and copying rows out of them and into them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from graphlib import TopologicalSorter
from typing import NamedTuple

from infrastructure.postgres.connection import Connection, fetch, translating

STALL = 60.0
"""Seconds in which a copy under way must have moved some rows."""

_UNBOUNDED = 1e7
"""Seconds; the driver's deadline over a whole copy, in place of which `STALL` is watched."""


class Relation(NamedTuple):
    """A table, its columns without those that are computed, and about how many rows it has."""

    name: str
    columns: tuple[str, ...]
    rows: int


async def select_relations(connection: Connection) -> tuple[Relation, ...]:
    """All tables but that of the migrations, each after those that its foreign keys lead to."""
    found = {row["name"]: Relation(*row) for row in await fetch(connection, _SELECT_RELATIONS)}
    order = TopologicalSorter[str](dict.fromkeys(sorted(found), ()))
    for child, parent in await fetch(connection, _SELECT_REFERENCES):
        order.add(child, parent)
    return tuple(found[name] for name in order.static_order())


_SELECT_RELATIONS = """
SELECT
    c.relname::text AS name,
    array_agg(a.attname::text ORDER BY a.attnum) AS columns,
    greatest(c.reltuples, 0)::bigint AS estimate
FROM pg_class AS c
INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE
    c.relnamespace = 'public'::regnamespace
    AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND c.relname <> 'schema_migrations'
GROUP BY c.oid
"""

_SELECT_REFERENCES = """
SELECT child.relname::text, parent.relname::text
FROM pg_constraint
INNER JOIN pg_class AS child ON child.oid = conrelid AND NOT child.relispartition
INNER JOIN pg_class AS parent ON parent.oid = confrelid AND NOT parent.relispartition
WHERE
    contype = 'f'
    AND conrelid <> confrelid
    AND child.relnamespace = 'public'::regnamespace
    AND parent.relnamespace = 'public'::regnamespace
"""


async def copy_out(connection: Connection, relation: Relation, sink: Callable[[bytes], None]) -> int:
    """Gives all rows to a sink, in the text format of COPY; returns how many. Raises Unavailable."""
    columns = ", ".join(f'"{column}"' for column in relation.columns)
    query = f'SELECT {columns} FROM "{relation.name}"'  # noqa: S608 - names from the catalogue
    with translating(connection):
        async with asyncio.timeout(STALL) as deadline:

            async def take(data: bytes) -> None:
                await asyncio.to_thread(sink, data)
                deadline.reschedule(asyncio.get_running_loop().time() + STALL)

            said = await connection.copy_from_query(query, output=take, timeout=_UNBOUNDED)
    return _count(said)


async def copy_in(connection: Connection, relation: Relation, source: Iterator[bytes]) -> int:
    """Adds rows that were copied out; returns how many. Raises Unavailable."""
    with translating(connection):
        async with asyncio.timeout(STALL) as deadline:

            async def give() -> AsyncIterator[bytes]:
                while data := await asyncio.to_thread(next, source, b""):
                    deadline.reschedule(asyncio.get_running_loop().time() + STALL)
                    yield data
                # The server now brings its indexes and foreign keys in order, however long that takes.
                deadline.reschedule(None)

            said = await connection.copy_to_table(
                relation.name, source=give(), columns=list(relation.columns), timeout=_UNBOUNDED
            )
    return _count(said)


def _count(said: str) -> int:
    """`COPY 10` -> 10."""
    return int(said.rpartition(" ")[2])
