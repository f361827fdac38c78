"""Putting back what was saved.

 1. the backup is whole: every file has its checksum, and this release knows the schema;
 2. the database is new, and no service runs that could have something in mind;
 3. what was derived from other rows is forgotten: the stream with its consumers, leases, the shared cache. It comes
    before the rows, since nothing could be lost with it, and who is killed in between can begin again;
 4. schema and rows come back in one transaction.

What the storage lacks, `check` tells.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence, Set

from contracts.errors import Refused
from services.worker.backup.back_up import Hear
from services.worker.backup.manifest import INVENTORY, MANIFEST, Manifest, Table, decode
from services.worker.backup.ports import Backup, Forget, Loader, Refilling


async def open_manifest(backup: Backup) -> Manifest:
    """What a backup says of itself, once all its files are found to be as they were saved. Raises `Refused`.

    Which files there must be the manifest says, and how much is in them: a list of checksums may have been cut off.
    """
    proven = await asyncio.to_thread(backup.verify)
    _require_proven({MANIFEST}, proven)
    manifest = decode(backup.read(MANIFEST))
    counts = {INVENTORY: manifest.objects} | {table.file: table.rows for table in manifest.tables}
    _require_proven(counts, proven)
    for name, count in counts.items():
        if (found := await asyncio.to_thread(_lines, backup, name)) != count:
            raise Refused(f"The backup is damaged: {name} has {found:,} lines, {count:,} were saved.")
    return manifest


def _require_proven(names: Collection[str], proven: Set[str]) -> None:
    if unproven := sorted(set(names) - proven):
        raise Refused(f"The backup is damaged: there is no checksum for {', '.join(unproven)}.")


def _lines(backup: Backup, name: str) -> int:
    """PostgreSQL's text format of COPY has a line for a row, too."""
    return sum(data.count(b"\n") for data in backup.chunks(name))


async def require_possible(manifest: Manifest, *, database: Refilling) -> None:
    """Passes when the database is one that this backup can be restored into, as far as can be told while services run.

    Raises `Refused`, `Unavailable`.
    """
    if unknown := database.unknown(manifest.migrations):
        raise Refused(
            f"The backup is of a newer release, or of another one: {', '.join(unknown)} is not known to this one. "
            "Restore it with the release that made it."
        )
    await database.require_empty()


async def restore(
    backup: Backup, manifest: Manifest, *, database: Refilling, forget: Sequence[Forget], hear: Hear = lambda *_: None
) -> None:
    """Backup -> an empty database. Raises `Refused`, `Unavailable`; then nothing of it is there."""
    await require_possible(manifest, database=database)
    await database.require_alone()
    for one in forget:
        await one()
    async with database.open(manifest.migrations) as loader:
        _require_same_tables(manifest, loader)
        for table in manifest.tables:
            await _load(backup, table, manifest.rows, loader, hear)


def _require_same_tables(manifest: Manifest, loader: Loader) -> None:
    if {table.name: set(table.columns) for table in manifest.tables} != {
        name: set(columns) for name, columns in loader.tables.items()
    }:
        raise Refused("The tables of the backup are not those that its migrations make.")


async def _load(backup: Backup, table: Table, total: int, loader: Loader, hear: Hear) -> None:
    def source() -> Iterator[bytes]:
        for data in backup.chunks(table.file):
            hear("rows", data.count(b"\n"), total)
            yield data

    rows = await loader.load(table.name, table.columns, source())
    if rows != table.rows:
        raise Refused(f"The backup is damaged: “{table.name}” has {rows} rows, {table.rows} were saved.")
