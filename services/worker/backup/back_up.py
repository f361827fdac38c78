"""Saving everything that can't be made again: the rows, and if wanted the bytes that they name.

1. one transaction sees the database as it is at a moment; all rows are copied out of it;
2. from the same moment: the inventory, every object with its size, checksum and shards;
3. the transaction ends; the bytes of these objects are copied, of each from the first copy that is right;
4. the manifest tells what there is, and the checksums of all files make the backup whole.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from uuid import UUID

import msgspec

from services.shared.side_by_side import side_by_side
from services.worker.backup.manifest import FORMAT, INVENTORY, MANIFEST, Manifest, Table, encode
from services.worker.backup.ports import Copies, NewBackup, OpenSnapshot, Placements, R, Snapshot
from services.worker.care.examine import Condition, examine
from services.worker.care.stored import Stored, objects_of
from services.worker.ports import Clock

logger = logging.getLogger(__name__)

PAGE = 500
WIDTH = 4
"""Blobs of the inventory that are asked for at once; objects in hand at once, in memory."""

Hear = Callable[[str, int, int], None]
"""Told of progress: what is being done, how much more of it, and of how much in all."""


class Stock(msgspec.Struct, frozen=True):
    """How many objects there are, and how many bytes: each counted once."""

    objects: int = 0
    bytes: int = 0


async def back_up(
    backup: NewBackup,
    *,
    open_snapshot: OpenSnapshot[R],
    copies: Copies | None,
    placements: Placements,
    clock: Clock,
    hear: Hear = lambda *_: None,
) -> Manifest:
    """Snapshot -> rows and inventory -> with `copies`, objects -> manifest, all of it in `backup`.

    Raises `Unavailable` without the primary, or when the disk is full.
    """
    async with open_snapshot() as snapshot:
        now, migrations = clock(), await snapshot.migrations()
        tables = await _save_rows(backup, snapshot, hear)
        stock = await _take_stock(backup, snapshot, hear)
    absent = await _save_objects(backup, stock, copies, placements, hear) if copies else 0
    manifest = Manifest(
        format=FORMAT,
        made_at=now,
        migrations=migrations,
        tables=tables,
        objects=stock.objects,
        bytes=stock.bytes,
        with_objects=copies is not None,
        absent=absent,
    )
    backup.write(MANIFEST, encode(manifest))
    return manifest


async def _save_rows(backup: NewBackup, snapshot: Snapshot[R], hear: Hear) -> tuple[Table, ...]:
    relations = await snapshot.relations()
    about = sum(relation.rows for relation in relations)
    return tuple([await _save_table(backup, snapshot, relation, about, hear) for relation in relations])


async def _save_table(backup: NewBackup, snapshot: Snapshot[R], relation: R, about: int, hear: Hear) -> Table:
    table = Table(relation.name, relation.columns, 0)
    with backup.compressed(table.file) as write:

        def sink(data: bytes) -> None:
            write(data)
            hear("rows", data.count(b"\n"), about)

        return msgspec.structs.replace(table, rows=await snapshot.copy(relation, sink))


async def _take_stock(backup: NewBackup, snapshot: Snapshot[R], hear: Hear) -> Stock:
    stock, after = Stock(), UUID(int=0)
    with backup.compressed(INVENTORY) as write:
        while page := await snapshot.blobs(after, PAGE):
            after = page[-1].id
            found = [stored for blob in page for stored in objects_of(blob)]
            write(b"".join(msgspec.json.encode(stored) + b"\n" for stored in found))
            stock = Stock(stock.objects + len(found), stock.bytes + sum(stored.size for stored in found))
            hear("inventory", len(found), 0)
    return stock


async def _save_objects(backup: NewBackup, stock: Stock, copies: Copies, placements: Placements, hear: Hear) -> int:
    """How many could not be saved."""
    absent, rest = 0, inventory(backup.lines(INVENTORY))

    async def one_after_another() -> None:
        nonlocal absent
        for stored in rest:
            is_saved = await _save_object(backup, stored, copies, placements)
            absent += not is_saved
            hear("objects", stored.size, stock.bytes)

    await side_by_side(WIDTH, one_after_another)
    return absent


async def _save_object(backup: NewBackup, stored: Stored, copies: Copies, placements: Placements) -> bool:
    """True when it is saved, or was deleted on purpose meanwhile. It may have been moved, too: then it is looked for
    where it is now.
    """
    while True:
        for shard in stored.placement:
            condition, data = await examine(stored, shard, copies=copies)
            if condition is Condition.GOOD:
                await asyncio.to_thread(backup.write_object, stored.key, data)
                return True
        current = await placed_now(stored, placements)
        if current is None:
            return True
        if current.placement == stored.placement:
            logger.error("no good copy of %s was found", stored.key)
            return False
        stored = current


async def placed_now(stored: Stored, placements: Placements) -> Stored | None:
    """An object as its row has it now; None when there is no such row. Raises `Unavailable`."""
    blob = await placements.blob(blob_id(stored))
    return {now.key: now for now in objects_of(blob)}.get(stored.key) if blob else None


def blob_id(stored: Stored) -> UUID:
    """Whose object it is."""
    return UUID(stored.key.partition("/")[0])


def inventory(lines: Iterator[bytes]) -> Iterator[Stored]:
    """The objects that an inventory names."""
    decode = msgspec.json.Decoder(Stored).decode
    return map(decode, lines)
