"""How many processes, as written on a command line."""

import argparse

from deploy.local.facts import MOST, SERVICES


def count(text: str) -> int:
    """A number of processes. Raises `argparse.ArgumentTypeError`."""
    if text.isdecimal() and 1 <= int(text) <= MOST:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to {MOST}")


def counts(text: str) -> tuple[str, int]:
    """`read=5` as a pair. Raises `argparse.ArgumentTypeError`."""
    kind, equals, number = text.partition("=")
    if kind not in SERVICES or not equals:
        raise argparse.ArgumentTypeError(f"{text} is not one of read=N, write=N, worker=N")
    return kind, count(number)
