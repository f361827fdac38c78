"""`chitram rerender`: has thumbnails made anew, and shows how far that has come."""

import asyncio
import sys
from argparse import Namespace
from functools import partial
from uuid import UUID

import msgspec
import uuid_utils.compat
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from infrastructure import env
from infrastructure.imaging.config import FenceConfig
from infrastructure.postgres.rerenders import Backlog, Rerenders
from services.cli.rooms import Environment, open_primary, operates
from services.cli.telling import console, errors
from services.shared.clock import utc_now
from services.worker.ports import Looked
from services.worker.request_rerender import request_rerender

LOOK = 0.5
"""Seconds between looks at the list."""

SHOWN = 20
"""Images that could not be rendered, of which the newest are named."""


class Problem(msgspec.Struct, frozen=True):
    """An image that keeps what it has, and why."""

    image_id: UUID
    code: str


class Report(msgspec.Struct, frozen=True):
    """What became of a request: images looked at and put on the list, and what is on it now."""

    looked_at: int
    requested: int
    waiting: int
    failed: int
    problems: tuple[Problem, ...]


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when everything was rendered or, with `--no-wait`, asked for; 1 when some could not be."""
    async with open_primary(environment) as primary:
        rerenders = Rerenders(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        if given.cancel:
            console.print(f"{await rerenders.clear():,} pictures were struck off the list.")
            return 0
        avif = env.read(FenceConfig, environment).avif
        with _progress(given) as progress:
            looked = await _request(given, avif, rerenders, progress)
            backlog = await rerenders.backlog() if given.no_wait else await _watch(rerenders, progress)
        return _tell(given, looked, backlog, await rerenders.select_problems(SHOWN))


def _progress(given: Namespace) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=errors,
        disable=given.json,
        transient=True,
    )


async def _request(given: Namespace, avif: bool, rerenders: Rerenders, progress: Progress) -> tuple[int, int]:
    task = progress.add_task("Looking", total=None)
    looked_at = requested = 0

    def hear(step: Looked) -> None:
        nonlocal looked_at, requested
        looked_at, requested = looked_at + step.blobs, requested + step.requested
        progress.update(task, completed=looked_at)

    await request_rerender(given.variant, given.since, avif=avif, rerenders=rerenders, told=hear)
    progress.remove_task(task)
    return looked_at, requested


async def _watch(rerenders: Rerenders, progress: Progress) -> Backlog:
    """Returns when the list is empty. Others may put more on it meanwhile: then there is more to do."""
    most, task = 0, progress.add_task("Rendering")
    while (backlog := await rerenders.backlog()).waiting:
        most = max(most, backlog.waiting)
        progress.update(task, total=most, completed=most - backlog.waiting)
        await asyncio.sleep(LOOK)
    progress.update(task, total=most, completed=most)
    return backlog


def _tell(given: Namespace, looked: tuple[int, int], backlog: Backlog, problems: tuple[tuple[UUID, str], ...]) -> int:
    named = tuple(Problem(image_id, code) for image_id, code in problems)
    report = Report(*looked, backlog.waiting, backlog.failed, named)
    if given.json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        return 1 if report.failed else 0
    say = partial(console.print, markup=False)
    say(f"{report.looked_at:,} pictures looked at, {report.requested:,} of them to be rendered anew.")
    if report.waiting:
        say(f"{report.waiting:,} wait for the workers; `chitram rerender` shows how far they have come.")
    if report.failed:
        say(f"{report.failed:,} could not be rendered and keep what they have. The newest of them:")
        for problem in named:
            say(f"  {problem.image_id}  {problem.code}")
    return 1 if report.failed else 0
