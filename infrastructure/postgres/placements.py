"""What the rows say of where copies are. Blobs are walked in the order of their ids, a page at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from contracts.images import Blob
from infrastructure.postgres.discarded import IS_NAMED, Copy, insert_discarded
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import SELECT_BLOBS, blob_of

PAGE = 2000
"""Blobs that one statement looks at, so that none comes near its deadline."""

BEGINNING = UUID(int=0)


class Usage(NamedTuple):
    """Copies on a shard, of originals and derivatives together, and their bytes."""

    objects: int
    bytes: int


class Placements:
    """Questions to the primary, for those who must not be told an old state. They raise Unavailable."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    async def usage(self) -> dict[str, Usage]:
        """What each shard holds by the rows, also one that is on the list no more. Looks at every blob."""
        found: dict[str, Usage] = {}
        after: UUID | None = BEGINNING
        while after is not None:
            rows = await self._primary.ask(_SELECT_USAGE, after, PAGE)
            for shard, objects, size, _ in rows:
                known = found.get(shard, Usage(0, 0))
                found[shard] = Usage(known.objects + objects, known.bytes + int(size))
            after = rows[0]["last"] if rows else None
        return found

    async def page(self, after: UUID, limit: int) -> tuple[Blob, ...]:
        """The next blobs after an id."""
        rows = await self._primary.ask(f"{SELECT_BLOBS} WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
        return tuple(blob_of(row) for row in rows)

    async def verified(self, blob_ids: Sequence[UUID], since: datetime) -> set[UUID]:
        """Those whose copies were all found to be good since a time."""
        rows = await self._primary.ask(
            "SELECT id FROM blobs WHERE id = any($1::uuid[]) AND verified_at >= $2", list(blob_ids), since
        )
        return {row[0] for row in rows}

    async def blob(self, blob_id: UUID) -> Blob | None:
        """One of them, as it is recorded now."""
        rows = await self._primary.ask(f"{SELECT_BLOBS} WHERE id = $1", blob_id)
        return blob_of(rows[0]) if rows else None

    async def unnamed(self, copies: Sequence[Copy]) -> set[Copy]:
        """Those that no row names and nobody has written down as given up or about to be made."""
        rows = await self._primary.ask(
            f"""
            SELECT key, shard
            FROM unnest($1::text[], $2::text[]) AS copy (key, shard)
            WHERE
                NOT {IS_NAMED}
                AND NOT EXISTS (SELECT 1 FROM discarded WHERE discarded.key = copy.key AND discarded.shard = copy.shard)
            """,  # noqa: S608 - a constant of this room
            [key for key, _ in copies],
            [shard for _, shard in copies],
        )
        return {(key, shard) for key, shard in rows}

    async def discard(self, copies: Sequence[Copy], not_before: datetime) -> None:
        """Gives up copies that nobody names, to be deleted after a time."""
        async with self._primary.transaction() as connection:
            await insert_discarded(connection, copies, not_before)


_SELECT_USAGE = """
WITH page AS MATERIALIZED (
    SELECT id, size, placement, derivatives FROM blobs WHERE id > $1 ORDER BY id LIMIT $2
),

copies AS (
    SELECT unnest(page.placement) AS shard, page.size FROM page
    UNION ALL
    SELECT jsonb_array_elements_text(made -> 'placement'), (made ->> 'size')::bigint
    FROM page, jsonb_array_elements(page.derivatives) AS made
)

SELECT shard, count(*), sum(size), (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last
FROM copies
GROUP BY shard
"""
