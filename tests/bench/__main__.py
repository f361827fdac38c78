"""`python -m tests.bench`: measures everything, writes the document, and fails when a target is missed."""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import (
    changing,
    copies,
    deleting,
    delivery,
    freshness,
    machine,
    memory,
    metadata,
    probing,
    rendering,
    report,
    ring,
    saturation,
    upload,
)
from tests.bench.figures import Figure
from tests.bench.intake import take_in
from tests.bench.photo import photos
from tests.bench.plan import Plan
from tests.bench.spoilt import Spoilt
from tests.bench.stack import Stack, started

FIGURES = (
    *("rebalance", "scrub", "freshness", "delete", "metadata", "changing", "file", "upload", "worker"),
    *("derivatives", "memory", "ring", "probe"),
)
ALONE = {
    "derivatives": rendering.measure,
    "memory": lambda: [memory.measure()],
    "ring": ring.measure,
    "probe": lambda: [probing.measure()],
}
"""Figures that need no stack."""
FILES = 20
"""Different objects that are fetched."""

ROUNDS, SECONDS = 10, 2.0
QUICK_ROUNDS, QUICK_SECONDS = 3, 1.0

console = Console()


def main() -> int:
    """0 when every target is reached, 1 when one is missed, 2 when something could not be measured."""
    given = _arguments()
    try:
        figures = _measure(given)
    except Spoilt as error:
        console.print(f"Nothing was measured: {error}", markup=False)
        return 2
    _show(figures)
    if given.only == list(FIGURES) and not given.quick:
        report.write(figures, machine.describe(datetime.now(UTC).date()), FILES)
        console.print(f"Written: {report.DOCUMENT}, {report.PLOT}")
    missed = [figure.name for figure in figures if figure.is_missed]
    if missed:
        console.print(f"[red]Missed:[/] {', '.join(missed)}")
    return 1 if missed else 0


def _measure(given: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        if set(given.only) - ALONE.keys():
            figures += _of_the_stack(given, progress)
        for name in filter(given.only.__contains__, ALONE):
            task = progress.add_task(name, total=1)
            figures += ALONE[name]()
            progress.advance(task)
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and short rounds; writes no document")
    parser.add_argument(
        "--only", nargs="+", choices=FIGURES, default=list(FIGURES), help="some of the figures; writes no document"
    )
    return parser.parse_args()


def _of_the_stack(given: argparse.Namespace, progress: Progress) -> list[Figure]:
    """Everything that needs the system."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if given.quick else (ROUNDS, SECONDS)
    pictures = photos(FILES)
    with ExitStack() as rooms:
        stack = rooms.enter_context(started(progress.console.print))
        ids = take_in(stack, pictures)
        measures: dict[str, Callable[[Plan], Figure]] = {
            "rebalance": copies.measure_rebalance,  # before the others leave thousands of pictures behind
            "scrub": copies.measure_scrub,
            "freshness": lambda plan: freshness.measure(plan, pictures[0]),
            "delete": lambda plan: deleting.measure(plan, pictures[0]),
            "metadata": lambda plan: metadata.measure(plan, ids[0]),
            "changing": lambda plan: changing.measure(plan, ids[0]),
            "file": lambda plan: delivery.measure(plan, ids, pictures),
            "upload": lambda plan: upload.measure(plan, pictures[0]),
            "worker": lambda plan: saturation.measure(plan, photos(FILES + saturation.EACH * rounds)[FILES:]),
        }
        return [
            measure(_plan(stack, rounds, seconds, name, progress))
            for name, measure in measures.items()
            if name in given.only
        ]


def _plan(stack: Stack, rounds: int, seconds: float, name: str, progress: Progress) -> Plan:
    task = progress.add_task(name, total=rounds)
    return Plan(
        stack=stack,
        cores=machine.cores(),
        rounds=rounds,
        seconds=seconds,
        done=lambda: progress.advance(task),
    )


def _show(figures: list[Figure]) -> None:
    for figure in figures:
        target = f" (target {figure.target:.2f})" if figure.target else ""
        console.print(f"{figure.ratio.median:.2f}{target}  {figure.name}, against {figure.against}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
