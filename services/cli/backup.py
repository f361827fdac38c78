"""`chitram backup`: saves all rows, an inventory of the objects that they name, and if wanted the bytes of these."""

from argparse import Namespace
from contextlib import AsyncExitStack
from functools import partial

from infrastructure.backups.writing import new_backup
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.snapshot import open_snapshot
from services.cli.caring import as_json
from services.cli.rooms import Environment, open_primary, open_storage, operates
from services.cli.stages import Stages
from services.cli.telling import console
from services.shared.clock import utc_now
from services.worker.backup.back_up import back_up
from services.worker.backup.manifest import Manifest

TITLES = {"rows": "Saving rows", "inventory": "Taking stock", "objects": "Saving objects"}

PATIENCE = 300.0
"""Seconds that one question may take: what services ask is quicker, but this one looks at everything."""


INCOMPLETE = 3
"""The exit status of a backup that is there, but lacks objects of which no good copy was found."""


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when all is saved, `INCOMPLETE` when some objects could not be; with any other there is no backup."""
    async with AsyncExitStack() as rooms:
        primary = await rooms.enter_async_context(open_primary(environment, patience=PATIENCE))
        storage = await rooms.enter_async_context(open_storage(environment, primary)) if given.objects else None
        stages = rooms.enter_context(Stages(TITLES))
        with new_backup(given.target) as backup:
            manifest = await back_up(
                backup,
                open_snapshot=partial(open_snapshot, primary),
                copies=storage.copies if storage else None,
                placements=Placements(primary),
                clock=utc_now,
                hear=stages.hear,
            )
    if given.json:
        as_json(manifest)
    else:
        _tell(given, manifest)
    return INCOMPLETE if manifest.absent else 0


def _tell(given: Namespace, manifest: Manifest) -> None:
    console.print(f"{manifest.rows:,} rows are saved in {given.target}.", markup=False)
    stock = f"{manifest.objects:,} objects, {manifest.bytes / 1e6:,.1f} MB"
    if not manifest.with_objects:
        console.print(f"They name {stock}, whose bytes are not among it: they are in the inventory.")
        return
    console.print(f"The bytes of {stock}, are there too.")
    if manifest.absent:
        console.print(f"Of {manifest.absent:,} of them no good copy was found; the log names them. Try: chitram scrub")
