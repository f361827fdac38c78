"""Commands about the stack of this directory."""

import argparse

from services.cli.counts import count, counts
from services.cli.groups.group import Group

TITLE = "a stack on this machine"


def add(group: Group) -> None:
    """up, down, status, logs, scale, restart."""
    up = group.add("up", help="start the whole system, or what of it doesn't run")
    for kind, default in (("read", 3), ("write", 1), ("worker", 1)):
        up.add_argument(f"--{kind}", type=count, metavar="N", help=f"{kind} services (as before, first {default})")
    up.add_argument("--port", type=_port, metavar="PORT", help="where nginx listens (as before, first 8080)")

    down = group.add("down", help="stop it; the data stays")
    down.add_argument("--purge", action="store_true", help="remove all data too, after asking")
    down.add_argument("--yes", action="store_true", help="don't ask")

    status = group.add("status", help="show every process; the exit status is 0 when all of them run")
    status.add_argument("--json", action="store_true", help="for programs, with every address and password")

    logs = group.add("logs", help="show what the parts have said")
    logs.add_argument("names", nargs="*", metavar="NAME", help="of which parts: read-1, read, nginx, ... (all)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing it")
    logs.add_argument("-n", "--lines", type=int, default=40, metavar="N", help="how many lines of each (40)")

    scale = group.add("scale", help="run more or fewer processes of a service, without losing a request")
    scale.add_argument("counts", nargs="+", type=counts, metavar="KIND=N", help="read=5 write=2 worker=2")

    restart = group.add("restart", help="restart parts one after another")
    restart.add_argument("names", nargs="+", metavar="NAME", help="read-1, read, nginx, ...")


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a port")
