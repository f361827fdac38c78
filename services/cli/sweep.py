"""`chitram sweep`: deletes objects that nobody points to."""

from argparse import Namespace
from datetime import timedelta

from rich.table import Table

from contracts.shards import ShardState
from infrastructure.postgres.discarded import Discarded
from services.cli.caring import Bench, as_json, bench
from services.cli.rooms import Environment, operates
from services.cli.shards import shard_list
from services.cli.telling import console
from services.shared.clock import utc_now
from services.worker.care.remove_shard import SETTLED
from services.worker.care.sweep import Swept, sweep
from services.worker.discard import discard


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when every shard was swept, 1 when one could not be."""
    async with bench(environment) as opened:
        swept = [await _sweep(name, given, opened) for name in sorted(opened.storage.listed)]
        if not given.dry_run:
            discarded = Discarded(opened.primary)
            while await discard(discarded=discarded, objects=opened.storage.objects, clock=utc_now):
                pass
    if given.json:
        as_json(swept)
    else:
        _show(swept, dry_run=given.dry_run)
    return 1 if any(shard.problem for shard in swept) else 0


async def _sweep(name: str, given: Namespace, opened: Bench) -> Swept:
    return await sweep(
        name,
        await _grace(name, timedelta(hours=given.older_than), opened),
        dry_run=given.dry_run,
        copies=opened.storage.copies,
        placements=opened.placements,
        clock=utc_now,
    )


async def _grace(name: str, wanted: timedelta, opened: Bench) -> timedelta:
    """No upload is on its way to a shard that was drained long enough ago."""
    if opened.storage.listed[name].state is not ShardState.DRAINING:
        return wanted
    since = await shard_list(opened.primary).unchanged_since(name)
    return timedelta(0) if since is not None and utc_now() > since + SETTLED else wanted


def _show(swept: list[Swept], *, dry_run: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column("SHARD")
    for title in ("OBJECTS", "UNNAMED", "BYTES"):
        table.add_column(title, justify="right")
    table.add_column("")
    for shard in swept:
        table.add_row(
            shard.shard, f"{shard.objects:,}", f"{shard.unnamed:,}", f"{shard.bytes / 1e6:,.1f} MB", shard.problem
        )
    console.print(table)
    unnamed = sum(shard.unnamed for shard in swept)
    console.print(f"\n{unnamed:,} objects that nobody points to {'would go' if dry_run else 'are given up'}.")
