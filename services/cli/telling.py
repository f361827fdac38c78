"""What every command says alike."""

import functools
import sys
from argparse import Namespace
from collections.abc import Callable

from rich.console import Console

from deploy.local.trouble import Trouble

console = Console(highlight=False, soft_wrap=True)
wide = Console(highlight=False, soft_wrap=True, width=400)
"""For tables that hold ids, which must stay whole on a narrow screen and in a pipe."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)

Command = Callable[[Namespace], int]


def tells_trouble(command: Command) -> Command:
    """The same command, which tells what stopped it and what to do, and ends with status 1."""

    @functools.wraps(command)
    def run(given: Namespace) -> int:
        try:
            return command(given)
        except Trouble as trouble:
            errors.print(trouble.sentence, style="bold red", markup=False)
            for text in (trouble.log, trouble.way_out):
                if text:
                    errors.print(f"\n{text}", markup=False)
            return 1

    return run


def ready(name: str, seconds: float) -> None:
    """One line for a part that is ready."""
    console.print(f"  {name:<20} {seconds:5.1f} s", markup=False)
    sys.stdout.flush()
