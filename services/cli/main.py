"""`chitram`: run a stack on this machine and operate it.

Each command is a file beside this one, imported only when it is asked for.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from services.cli.counts import count, counts

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status: 0 when all is well, 1 when not, 2 for a wrong command line."""
    given = parser().parse_args(arguments)
    if given.directory:
        os.chdir(given.directory)
    run: Command = import_module(f"services.cli.{given.command}").run
    try:
        return run(given)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line as a whole."""
    top = argparse.ArgumentParser(prog="chitram", description="An image host: run it on this machine and operate it.")
    top.add_argument(
        "-C", dest="directory", type=Path, metavar="DIR", help="work in DIR; a stack belongs to a directory"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_stack_commands(commands)
    openapi = commands.add_parser("openapi", help="write contracts/openapi.json")
    openapi.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    return top


def _add_stack_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = commands.add_parser("up", help="start the whole system, or what of it doesn't run")
    for kind, default in (("read", 3), ("write", 1), ("worker", 1)):
        up.add_argument(f"--{kind}", type=count, metavar="N", help=f"{kind} services (as before, first {default})")
    up.add_argument("--port", type=_port, metavar="PORT", help="where nginx listens (as before, first 8080)")

    down = commands.add_parser("down", help="stop it; the data stays")
    down.add_argument("--purge", action="store_true", help="remove all data too, after asking")
    down.add_argument("--yes", action="store_true", help="don't ask")

    status = commands.add_parser("status", help="show every process; the exit status is 0 when all of them run")
    status.add_argument("--json", action="store_true", help="for programs, with every address and password")

    logs = commands.add_parser("logs", help="show what the parts have said")
    logs.add_argument("names", nargs="*", metavar="NAME", help="of which parts: read-1, read, nginx, ... (all)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing it")
    logs.add_argument("-n", "--lines", type=int, default=40, metavar="N", help="how many lines of each (40)")

    scale = commands.add_parser("scale", help="run more or fewer processes of a service, without losing a request")
    scale.add_argument("counts", nargs="+", type=counts, metavar="KIND=N", help="read=5 write=2 worker=2")

    restart = commands.add_parser("restart", help="restart parts one after another")
    restart.add_argument("names", nargs="+", metavar="NAME", help="read-1, read, nginx, ...")


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a port")


if __name__ == "__main__":
    sys.exit(main())
