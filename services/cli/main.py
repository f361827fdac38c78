"""`chitram`: run a stack on this machine and operate it.

Each command is a file beside this one, imported only when it is asked for. What may be written after it
stands in `groups`.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from services.cli.groups import development, people, pictures, safekeeping, shards, stack, trouble
from services.cli.groups.group import Group

Command = Callable[[argparse.Namespace], int]

GROUPS = (stack, shards, pictures, people, safekeeping, trouble, development)
"""In the order in which `chitram --help` shows them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status: 0 when all is well, 1 when not, 2 for a wrong command line."""
    given = parser().parse_args(arguments)
    if given.directory:
        os.chdir(given.directory)
    run: Command = import_module(f"services.cli.{getattr(given, 'module', given.command)}").run
    try:
        return run(given)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line as a whole."""
    top = argparse.ArgumentParser(
        prog="chitram",
        usage="%(prog)s [-h] [-C DIR] COMMAND ...",
        description="An image host: run it on this machine and operate it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "-C", dest="directory", type=Path, metavar="DIR", help="work in DIR; a stack belongs to a directory"
    )
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS, prog="chitram"
    )
    shown = []
    for module in GROUPS:
        group = Group(module.TITLE, commands)
        module.add(group)
        shown.append(str(group))
    top.epilog = "\n\n".join((*shown, "`chitram COMMAND --help` tells more about one of them."))
    return top


if __name__ == "__main__":
    sys.exit(main())
