"""Commands about where the bytes are."""

import argparse

from services.cli.groups.group import Group

TITLE = "where the bytes are"


def add(group: Group) -> None:
    """shards."""
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


def weight(text: str) -> int:
    """A whole number from 1 to 999."""
    if text.isdecimal() and 0 < int(text) < 1000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 999")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")
