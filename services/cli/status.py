"""`chitram status`: shows every process of the system of this directory."""

import sys
import time
from argparse import Namespace

import msgspec
from rich.table import Table

from deploy.local.layout import here
from deploy.local.status import Status, status
from services.cli.telling import console, errors, tells_trouble


@tells_trouble
def run(given: Namespace) -> int:
    """0 when every process runs, else 1."""
    found = status(here())
    if given.json:
        shown = found or Status(url="", processes=(), endpoints={})
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode() + "\n")
    elif found is None:
        errors.print("There is no stack here. Start one: chitram up")
    else:
        _show(found, now=time.time())
    return 0 if found and found.is_well else 1


def _show(found: Status, *, now: float) -> None:
    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("NAME", "STATE"):
        table.add_column(title)
    for title in ("PID", "PORT", "UP", "MEMORY"):
        table.add_column(title, justify="right")
    for process in found.processes:
        table.add_row(
            process.name,
            process.state,
            str(process.pid or ""),
            str(process.port or ""),
            _duration(now - process.since) if process.pid else "",
            f"{process.memory / 1e6:.0f} MB" if process.pid else "",
        )
    console.print(table)
    console.print(f"\n{found.url}   {sum(process.memory for process in found.processes) / 1e6:.0f} MB in all")


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
