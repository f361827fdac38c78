"""`python -m tests.bench.capacity`: what an image takes in Postgres and in a read service's memory.

Images are taken in and rendered through the ledger, as the services do it, on a Postgres of their own. The figures
stand in `docs/scaling.md`.
"""

import asyncio
import sys
import tempfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from contracts.images import Blob, Derivative, Image
from deploy.local import ports
from deploy.local.servers import postgres
from infrastructure import env
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.primary import open_primary
from services.read.memory import Remembered, prepare
from services.read.overlay import Entry, Overlay
from tests.borrowed import TEMPLATE
from tests.component.postgres.cluster import Server

ROWS, WIDTH = 10_000, 8
TABLES = ("images", "blobs", "outbox", "audit_log")
HELD = 2_000


def main() -> None:
    """Prints a table."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as directory:
        (port,) = ports.choose(1)
        server = Server(Path(directory), "primary", port)
        postgres.create(server.facts)
        server.start()
        try:
            postgres.prepare(server.facts)
            server.sql("ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf()", "postgres")  # as in earnest
            server.sql(f"CREATE DATABASE {TEMPLATE} OWNER chitram", "postgres")
            postgres.migrate(server.facts, TEMPLATE)
            for what, value in asyncio.run(measure(server, rows)).items():
                print(f"{what:40} {value:10,.0f}")
        finally:
            server.remove()
    print(f"{'bytes of an overlay entry':40} {overlay_entry():10,.0f}")


async def measure(server: Server, rows: int) -> dict[str, float]:
    """Bytes a row of each table with its indexes, and of WAL for each step."""
    found: dict[str, float] = {}
    async with open_primary(env.read(PrimaryConfig, {"CHITRAM_POSTGRES_PRIMARY": server.address})) as primary:
        ledger = Ledger(primary, clock=lambda: datetime.now(UTC), new_id=uuid7)
        images = [_image(number) for number in range(rows)]
        for what, step in (("upload", _take_in), ("rendering", _render)):
            server.sql("CHECKPOINT")
            before = server.sql("SELECT pg_current_wal_lsn()")
            await _each(images, lambda image, step=step: step(image, ledger))
            wal = server.sql(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{before}')")
            found[f"bytes of WAL, {what}"] = float(wal) / rows
    server.sql("VACUUM")
    for table in server.sql("SELECT relname FROM pg_stat_user_tables ORDER BY 1").split():
        heap, indexes, count = server.sql(
            f"SELECT pg_table_size('{table}'), pg_indexes_size('{table}'), count(*) FROM {table}"  # noqa: S608
        ).split("|")
        if int(count) >= rows:
            found[f"bytes of a row of {table}"] = int(heap) / int(count)
            found[f"bytes of its indexes, {table}"] = int(indexes) / int(count)
            found[f"rows for each image, {table}"] = int(count) / rows
    return found


async def _each(images: list[Image], step) -> None:
    gate = asyncio.Semaphore(WIDTH)

    async def one(image: Image) -> None:
        async with gate:
            await step(image)

    await asyncio.gather(*map(one, images))


async def _take_in(image: Image, ledger: Ledger) -> None:
    await ledger.insert(image, delete_token_hash=image.id.bytes * 2, scope="global")


async def _render(image: Image, ledger: Ledger) -> None:
    await ledger.record_ready(
        image.blob.id,
        derivatives=_derivatives(image.blob.id),
        placeholder="3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
        dominant_color="#8a7f6b",
        perceptual_hash="f0e1d2c3b4a59687",
        seconds=0.2,
    )


def _image(number: int) -> Image:
    """A photo with a camera's words, as they come."""
    now = datetime.now(UTC)
    blob_id = uuid7()
    blob = Blob(blob_id, f"{number:064x}"[::-1], 2_500_000, "image/jpeg", 4000, 3000, 1, ("shard-1", "shard-2"))
    return Image(
        id=uuid7(),
        version=1,
        blob=blob,
        filename=f"IMG_{number:08}.jpg",
        created_at=now,
        updated_at=now,
        tags=("holiday", "sea"),
        metadata={
            "make": "Canon",
            "model": "EOS R6",
            "taken_at": "2026-03-04T05:06:07",
            "iso": 200,
            "exposure": "1/250",
        },
        metadata_stripped=True,
    )


def _derivatives(blob_id: UUID) -> tuple[Derivative, ...]:
    """Three sizes in two formats, on two shards each."""
    return tuple(
        Derivative(
            name,
            f"image/{kind}",
            f"{blob_id}/{name}-r1-0b8e4d29af61.{kind}",
            side,
            side,
            side * 100,
            ("shard-1", "shard-2"),
        )
        for name, side in (("small", 150), ("medium", 300), ("large", 800))
        for kind in ("webp", "jpeg")
    )


def overlay_entry() -> float:
    """Bytes of memory that a recent change takes in a read service, by tracemalloc."""
    images = [_image(number) for number in range(HELD)]
    encoded = [msgspec.json.encode(_rendered(image)) for image in images]
    del images
    overlay: Overlay[UUID, Remembered] = Overlay(1 << 40)
    tracemalloc.start()
    for number, data in enumerate(encoded):
        value = prepare(msgspec.json.decode(data, type=Image))
        overlay.apply(value.image.id, Entry(1, number, value.image.created_at, value, value.size))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / HELD


def _rendered(image: Image) -> Image:
    return msgspec.structs.replace(
        image, blob=msgspec.structs.replace(image.blob, derivatives=_derivatives(image.blob.id))
    )


if __name__ == "__main__":
    main()
