"""Commands about people, and what they did."""

import argparse
from uuid import UUID

from services.cli.groups.group import Group
from services.cli.groups.pictures import moment

TITLE = "its people"


def add(group: Group) -> None:
    """users, audit."""
    actions = group.actions("users", help="list, make, change and delete accounts")
    listing = actions.add_parser("list", help="all accounts, the oldest first")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.add_argument("-n", "--limit", type=_number, default=1000, metavar="N", help="how many (1000)")

    create = actions.add_parser("create", help="make an account; the password is asked for, or read from a pipe")
    create.add_argument("email", metavar="EMAIL")
    create.add_argument("--admin", action="store_true", help="one that may do everything")
    create.add_argument("--generate", action="store_true", help="choose a password and print it")

    _add_quota(create)

    quota = actions.add_parser("quota", help="set how much an account may hold; what is not named has no limit")
    quota.add_argument("email", metavar="EMAIL")
    _add_quota(quota)

    password = actions.add_parser("password", help="set another password, and end all sessions")
    password.add_argument("email", metavar="EMAIL")
    password.add_argument("--generate", action="store_true", help="choose one and print it")

    for name, text in (("promote", "make a user an admin"), ("demote", "make an admin an ordinary user")):
        actions.add_parser(name, help=text).add_argument("email", metavar="EMAIL")

    delete = actions.add_parser("delete", help="delete an account and all its images, after asking")
    delete.add_argument("email", metavar="EMAIL")
    delete.add_argument("--yes", action="store_true", help="don't ask")

    audit = group.add("audit", help="who did what to which image or account, the newest first")
    audit.add_argument("--image", type=UUID, metavar="ID", help="to this image")
    audit.add_argument("--user", type=UUID, metavar="ID", help="by this user, or to his account")
    audit.add_argument("--action", metavar="NAME", help="image.deleted, session.created, ...")
    audit.add_argument("--since", type=moment, metavar="TIME", help="at this time or later: 2026-11-26[T12:00Z]")
    audit.add_argument("--until", type=moment, metavar="TIME", help="before this time")
    audit.add_argument("-n", "--limit", type=_number, default=50, metavar="N", help="how many (50)")
    audit.add_argument("--json", action="store_true", help="for programs, a line for each")


def _add_quota(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=_number, metavar="N", help="at most so many images (any number)")
    parser.add_argument("--bytes", type=_number, metavar="N", help="of at most so many bytes together (any number)")


def _number(text: str) -> int:
    if text.isdecimal() and len(text) < 16 and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
