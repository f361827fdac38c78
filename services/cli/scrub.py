"""`chitram scrub`: reads every copy, compares it with what was recorded, and repairs it from a good one."""

from argparse import Namespace
from datetime import timedelta

from rich.progress import TaskID

from services.cli.caring import as_json, bench, progress_bar
from services.cli.rooms import Environment, operates
from services.cli.telling import console
from services.shared.clock import utc_now
from services.worker.care.scrub import Scrubbed, Verify, scrub


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when every copy is good now, else 1."""
    async with bench(environment) as opened:
        total = sum(used.bytes for used in (await opened.placements.usage()).values())
        verify = Verify(
            placements=opened.placements,
            owners=opened.owners,
            listed=lambda: set(opened.storage.listed),
            hands=opened.hands(given.rate),
        )
        with progress_bar("Reading", total) as bar:
            done = await scrub(
                timedelta(hours=given.older_than),
                placements=opened.placements,
                verify=verify,
                clock=utc_now,
                progress=lambda _, size: bar.advance(TaskID(0), size),
            )
    if given.json:
        as_json(done)
    else:
        _tell(done)
    return 1 if done.lost or done.unknown or done.repaired < done.missing + done.wrong else 0


def _tell(done: Scrubbed) -> None:
    console.print(f"Read {done.copies:,} copies, {done.bytes / 1e6:,.1f} MB.")
    bad = done.missing + done.wrong
    console.print(
        f"{done.missing:,} were missing and {done.wrong:,} wrong; {done.repaired:,} of these {bad:,} are repaired."
    )
    if done.lost:
        console.print(f"Of {done.lost:,} objects no good copy is left. Lost originals are marked: BYTES_LOST.")
    if done.unknown:
        console.print(f"{done.unknown:,} pictures could not be seen to in full: a shard does not answer, or is gone.")
