"""Images for the tests of the Postgres room."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from contracts.events import Event, decode
from contracts.images import Blob, Derivative, Image, Visibility
from tests.eventually import eventually

T0 = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)

DERIVATIVES = (
    Derivative("small", "image/webp", "k/small.webp", 150, 100, 4321, ("one", "two")),
    Derivative("small", "image/jpeg", "k/small.jpg", 150, 100, 5432, ("two", "three")),
)
RENDERED = {
    "derivatives": DERIVATIVES,
    "placeholder": "LEHV6nWB",
    "dominant_color": "#aabbcc",
    "perceptual_hash": "f0e1d2c3b4a59687",
}


def plain_image(**fields) -> Image:
    """An image just uploaded, with as little as one can have."""
    blob = Blob(uuid4(), uuid4().hex * 2, 1000, "image/jpeg", 40, 30, 1, ("one", "two"))
    values = {"id": uuid4(), "version": 1, "blob": blob, "filename": "a.jpg", "created_at": T0, "updated_at": T0}
    return Image(**values | fields)


def full_image() -> Image:
    """An image just uploaded with every field filled that an upload can fill."""
    return plain_image(
        filename="Ünï\u202ecode 📷 '; DROP TABLE images; --.jpg",
        visibility=Visibility.UNLISTED,
        owner_id=uuid4(),
        description="first line\nsecond line",
        tags=("beach", "été", 'a "quoted", {one}'),
        expires_at=T0 + timedelta(days=30),
        metadata={"camera": "Ünï", "iso": 200, "gps": [1.5, -2.25], "nested": {"none": None, "yes": True}},
        metadata_stripped=True,
        place={"latitude": 48.5, "longitude": -9.25, "altitude_m": -3.5},
        updated_at=T0 + timedelta(microseconds=1),
    )


async def events_of(psql: asyncpg.Connection, image_id: UUID) -> list[Event]:
    """The events of an image as the outbox holds them, by version."""
    rows = await psql.fetch(
        "SELECT id, version, type, payload FROM outbox WHERE subject_id = $1 ORDER BY version", image_id
    )
    events = [decode(row["payload"]) for row in rows]
    for row, event in zip(rows, events, strict=True):
        assert (row["id"], row["version"]) == (event.id, event.image.version)
        assert row["type"] == event.__struct_config__.tag
    return events


async def counts(psql: asyncpg.Connection) -> tuple[int, int, int]:
    """How many blobs, images and events there are."""
    row = await psql.fetchrow(
        "SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM images), (SELECT count(*) FROM outbox)"
    )
    return tuple(row)


async def blocked(psql: asyncpg.Connection, count: int) -> None:
    """Returns when so many connections to this database wait for a lock."""

    async def waiting() -> None:
        assert count == await psql.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )

    await eventually(waiting)
