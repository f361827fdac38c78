"""Commands about where the bytes are."""

import argparse

from services.cli.groups.group import Group

TITLE = "where the bytes are"


def add(group: Group) -> None:
    """shards, rebalance, scrub, sweep."""
    actions = group.actions("shards", help="list, add, change, drain and remove shards")
    _json(actions.add_parser("list", help="state, breaker, objects, bytes and share of each"))

    new = actions.add_parser("add", help="take a new one into use, after trying it")
    new.add_argument("name", metavar="NAME", help="small letters, digits and hyphens")
    new.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="s3://host:port/bucket or file:///directory (in a stack on this machine: a new bucket of its own)",
    )
    new.add_argument("--weight", type=weight, default=1, metavar="N", help="its share beside the others' (1)")

    change = actions.add_parser("set", help="change a shard")
    change.add_argument("name", metavar="NAME")
    change.add_argument("--weight", type=weight, metavar="N", help="its share of the objects beside the others'")
    change.add_argument("--url", metavar="URL", help="where it is now, with everything on it")
    change.add_argument("--active", action="store_true", help="take new objects again: undoes a drain")

    drain = actions.add_parser("drain", help="put nothing new on it; `chitram rebalance` empties it then")
    drain.add_argument("name", metavar="NAME")

    remove = actions.add_parser("remove", help="take an empty, drained shard off the list")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--lost", action="store_true", help="it is gone for good: don't look whether it is empty")

    _add_work(group)


def _add_work(group: Group) -> None:
    rebalance = group.add("rebalance", help="move objects to where the shards of now want them")
    rebalance.add_argument("--dry-run", action="store_true", help="only say what would move, from where to where")
    rebalance.add_argument("--rate", type=rate, metavar="MB/S", help="write no more than so many MB a second")
    rebalance.add_argument("--resume", action="store_true", help="go on where the last run was ended")
    _json(rebalance)

    scrub = group.add("scrub", help="read every copy, compare it, repair it from a good one")
    scrub.add_argument("--rate", type=rate, metavar="MB/S", help="read no more than so many MB a second")
    scrub.add_argument(
        "--older-than",
        type=hours,
        default=0.0,
        metavar="HOURS",
        help="only what was not found good for so long (0: everything)",
    )
    _json(scrub)

    sweep = group.add("sweep", help="delete objects that nobody points to")
    sweep.add_argument("--dry-run", action="store_true", help="only say what would go")
    sweep.add_argument(
        "--older-than",
        type=hours,
        default=1.0,
        metavar="HOURS",
        help="leave what is younger: it may be an upload on its way (1)",
    )
    _json(sweep)


def rate(text: str) -> float:
    """Megabytes a second."""
    return _above(text, 0.0, "MB a second")


def hours(text: str) -> float:
    """A length of time, nought too."""
    return _above(text, -1e-9, "hours")


def _above(text: str, least: float, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = least
    if not least < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is no number of {unit}")
    return value


def weight(text: str) -> int:
    """A whole number from 1 to 999."""
    if text.isdecimal() and 0 < int(text) < 1000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 999")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")
