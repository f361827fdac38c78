"""Commands for those who change Chitram."""

from services.cli.groups.group import Group

TITLE = "its own development"


def add(group: Group) -> None:
    """openapi."""
    openapi = group.add("openapi", help="write contracts/openapi.json")
    openapi.add_argument("--check", action="store_true", help="only tell whether it is up to date")
