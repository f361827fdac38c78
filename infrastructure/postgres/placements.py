"""What the rows say of where copies are. Blobs are walked in the order of their ids, a page at a time."""

from typing import NamedTuple
from uuid import UUID

from infrastructure.postgres.primary import Primary

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
