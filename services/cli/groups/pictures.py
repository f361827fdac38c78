"""Commands about the pictures that are kept."""

import argparse
from datetime import UTC, datetime

from contracts.variants import VARIANTS
from services.cli.groups.group import Group

TITLE = "its pictures"


def add(group: Group) -> None:
    """rerender."""
    rerender = group.add("rerender", help="make thumbnails anew, slowly, behind fresh uploads")
    rerender.add_argument(
        "--variant",
        action="append",
        default=[],
        choices=[variant.name for variant in VARIANTS],
        help="these, whatever they were made by (may be repeated); without it those of older recipes",
    )
    rerender.add_argument(
        "--since", type=moment, metavar="TIME", help="of what was uploaded at this time or later: 2026-11-26[T12:00Z]"
    )
    rerender.add_argument("--no-wait", action="store_true", help="ask for it, and let the workers do it")
    rerender.add_argument("--cancel", action="store_true", help="take back what was asked for and is not done yet")
    rerender.add_argument("--json", action="store_true", help="for programs")


def moment(text: str) -> datetime:
    """A time as people write it, in UTC unless it says otherwise. Raises `argparse.ArgumentTypeError`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a time like 2026-11-26 or 2026-11-26T12:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
