"""Saying again what came to nothing: the rows themselves tell which work is not done, whatever became of the events.

An image that has waited for its thumbnails for too long gets an ImageUploaded, and a deleted one whose row is still
there an ImageDeleted. So the stream, its consumers and the outbox may lose everything, and the work is done all the
same. Events get new ids, or the stream might take them for duplicates; doing the work twice is no harm.
"""

import enum
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from contracts.events import ImageDeleted, ImageUploaded
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.events import insert_event
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import SELECT_IMAGES, image_of

PAGE = 500
"""Rows that one round looks at."""

LOCK = 0x43_68_69_74_72_61_6D
"""Key of the advisory lock that makes the round of one worker everybody's ("Chitram")."""


class Work(enum.Enum):
    """What can be left undone."""

    RENDERING = "rendering"
    ERASURE = "erasure"


class Cursor(Struct, frozen=True):
    """After which row a round begins: by the time that it has waited since, and its id."""

    since: datetime = datetime.fromtimestamp(0, UTC)
    id: UUID = UUID(int=0)


class Reconciler:
    """Looks through what is not done, a page at a time. Its methods raise Unavailable."""

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id
        self._cursors = dict.fromkeys(Work, Cursor())

    async def round(self, before: datetime) -> int:
        """Looks at the next page of each kind of work; gives how many events it has added.

        It is about rows that have waited since before `before`, and of which nothing was said since then. The first
        page follows the last one. While another worker is at it, this one does nothing.
        """
        return sum([await self._look(work, before) for work in Work])

    async def _look(self, work: Work, before: datetime) -> int:
        cursor = self._cursors[work]

        async def look(connection: Connection) -> tuple[int, Cursor]:
            if not (await fetch(connection, "SELECT pg_try_advisory_xact_lock($1)", LOCK))[0][0]:
                return 0, cursor
            rows = await _select_page(connection, work, cursor, before)
            revived = await self._revive(connection, work, [row["id"] for row in rows if row["is_stalled"]])
            return revived, Cursor(rows[-1]["since"], rows[-1]["id"]) if len(rows) == PAGE else Cursor()

        (revived, self._cursors[work]), _ = await self._primary.transact(look)
        return revived

    async def _revive(self, connection: Connection, work: Work, ids: Sequence[UUID]) -> int:
        if not ids:
            return 0
        rows = await fetch(connection, f"{SELECT_IMAGES} WHERE images.id = any($1::uuid[])", ids)
        for row in rows:
            await insert_event(connection, _KINDS[work](self._new_id(), self._clock(), image_of(row)))
        return len(rows)


_KINDS: dict[Work, type[ImageUploaded] | type[ImageDeleted]] = {
    Work.RENDERING: ImageUploaded,
    Work.ERASURE: ImageDeleted,
}

_PAGES = {
    Work.RENDERING: """
        SELECT created_at AS since, id
        FROM images
        WHERE pending AND deleted_at IS NULL AND (created_at, id) > ($1, $2) AND created_at < $3
        ORDER BY created_at, id
        LIMIT $4
    """,
    Work.ERASURE: """
        SELECT deleted_at AS since, id
        FROM images
        WHERE deleted_at IS NOT NULL AND (deleted_at, id) > ($1, $2) AND deleted_at < $3
        ORDER BY deleted_at, id
        LIMIT $4
    """,
}
"""Images with which something is to be done, in the order in which they have waited."""


async def _select_page(connection: Connection, work: Work, cursor: Cursor, before: datetime) -> list[asyncpg.Record]:
    """A page of what is not done; `is_stalled` says that nothing was said of it since `before`."""
    return await fetch(
        connection,
        f"""
        WITH page AS MATERIALIZED ({_PAGES[work]})

        SELECT
            since,
            id,
            NOT EXISTS (
                SELECT 1
                FROM outbox
                WHERE
                    outbox.subject_id = page.id
                    AND outbox.type = $5
                    AND (outbox.published_at IS NULL OR outbox.published_at >= $3)
            ) AS is_stalled
        FROM page
        ORDER BY since, id
        """,  # noqa: S608 - constants of this module
        cursor.since,
        cursor.id,
        before,
        PAGE,
        str(_KINDS[work].__struct_config__.tag),
    )
