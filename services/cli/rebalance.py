"""`chitram rebalance`: moves objects to where the shards of now want them, while everything runs."""

from argparse import Namespace

from rich.progress import TaskID
from rich.table import Table

from services.cli.caring import Bench, as_json, bench, progress_bar
from services.cli.rooms import Environment, operates
from services.cli.telling import console
from services.worker.care.rebalance import Rebalanced, Survey, rebalance, survey


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when everything is where it belongs, or would be known to be; 1 when something was left."""
    async with bench(environment) as opened:
        plan = await survey(placements=opened.placements, owners=opened.owners)
        if given.dry_run:
            _show_plan(plan, as_data=given.json)
            return 0
        done = await _move(plan, given, opened)
    if given.json:
        as_json(done)
    else:
        console.print(f"Moved {done.objects:,} objects, {done.bytes / 1e6:,.1f} MB.")
        if done.left:
            console.print(f"{done.left:,} objects could not be moved now. Run it again: chitram rebalance")
    return 1 if done.left else 0


async def _move(plan: Survey, given: Namespace, opened: Bench) -> Rebalanced:
    with progress_bar("Moving", plan.bytes) as bar:
        return await rebalance(
            opened.storage.version,
            resume=given.resume,
            owners=opened.owners,
            placements=opened.placements,
            walks=opened.walks,
            hands=opened.hands(given.rate),
            progress=lambda _, size: bar.advance(TaskID(0), size),
        )


def _show_plan(plan: Survey, *, as_data: bool) -> None:
    routes = [
        {"from": source, "to": target, "objects": objects, "bytes": size}
        for (source, target), (objects, size) in plan.routes.items()
    ]
    if as_data:
        as_json({"objects": plan.objects, "bytes": plan.bytes, "routes": routes})
        return
    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("FROM", "TO"):
        table.add_column(title)
    for title in ("OBJECTS", "BYTES"):
        table.add_column(title, justify="right")
    for (source, target), (objects, size) in plan.routes.items():
        table.add_row(source or "-", target or "-", f"{objects:,}", f"{size / 1e6:,.1f} MB")
    console.print(table)
    console.print(f"\n{plan.objects:,} objects would move, {plan.bytes / 1e6:,.1f} MB.")
