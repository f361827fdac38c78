"""All that the database knows of one image, on the primary and on each replica."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from contracts.images import Image
from infrastructure.postgres.connection import CHECK_TIMEOUT
from infrastructure.postgres.errors import DRIVER_ERRORS
from infrastructure.postgres.hosts import server_name
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import SELECT_IMAGES, image_of

EVENTS = 50
"""Events of an image that are shown, the newest."""


class SentEvent(Struct, frozen=True):
    """An event in the outbox; `published_at` is None while it waits."""

    id: UUID
    type: str
    version: int
    created_at: datetime
    published_at: datetime | None


class Record(Struct, frozen=True):
    """What the primary knows: the image, deleted or not (None: there is none), its events, and where its log ends."""

    image: Image | None
    images_of_blob: int
    events: tuple[SentEvent, ...]
    lsn: str


class ReplicaView(Struct, frozen=True):
    """What a replica knows: how far it has replayed, and the image's version there. `problem` says why it doesn't."""

    name: str
    lsn: str | None = None
    behind: int | None = None
    version: int | None = None
    deleted: bool = False
    problem: str | None = None


async def select_record(primary: Primary, image_id: UUID) -> Record:
    """Everything at once, as the primary has it now. Raises Unavailable."""
    rows = await primary.ask(f"{SELECT_IMAGES} WHERE images.id = $1", image_id)
    events = await primary.ask(
        """
        SELECT id, type, version, created_at, published_at
        FROM outbox
        WHERE subject_id = $1
        ORDER BY created_at DESC, id DESC
        LIMIT $2
        """,
        image_id,
        EVENTS,
    )
    sharing = await primary.ask(
        """
        SELECT count(*), pg_current_wal_insert_lsn()::text
        FROM images
        WHERE deleted_at IS NULL AND blob_id = (SELECT blob_id FROM images WHERE id = $1)
        """,
        image_id,
    )
    image = image_of(rows[0]) if rows else None
    return Record(image, sharing[0][0], tuple(SentEvent(*row) for row in events), sharing[0][1])


async def select_views(addresses: Sequence[str], image_id: UUID, lsn: str) -> tuple[ReplicaView, ...]:
    """What each replica knows of an image, and how many bytes of log it is behind `lsn`."""
    return tuple(await asyncio.gather(*(_view(address, image_id, lsn) for address in addresses)))


async def _view(address: str, image_id: UUID, lsn: str) -> ReplicaView:
    name = server_name(address)
    try:
        async with asyncio.timeout(2 * CHECK_TIMEOUT):
            connection = await asyncpg.connect(address)
            try:
                ((lsn_there, behind),) = await connection.fetch(_POSITION, lsn)
                row = await connection.fetchrow("SELECT version, deleted_at FROM images WHERE id = $1", image_id)
            finally:
                await connection.close()
    except DRIVER_ERRORS as error:
        return ReplicaView(name, problem=str(error) or type(error).__name__)
    if row is None:
        return ReplicaView(name, lsn_there, behind)
    return ReplicaView(name, lsn_there, behind, row["version"], row["deleted_at"] is not None)


_POSITION = """
SELECT lsn::text, greatest($1::text::pg_lsn - lsn, 0)::bigint
FROM (
    SELECT CASE
        WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0')
        ELSE pg_current_wal_insert_lsn()
    END AS lsn
) AS here
"""
