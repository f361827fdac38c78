"""Commands about what would be missed: saving it, putting it back."""

from pathlib import Path

from services.cli.groups.group import Group

TITLE = "backups"


def add(group: Group) -> None:
    """backup, restore."""
    backup = group.add("backup", help="save all rows, with an inventory of the objects that they name")
    backup.add_argument("target", type=Path, metavar="DIR", help="a directory that is not there yet")
    backup.add_argument("--objects", action="store_true", help="save the bytes of all pictures too")
    backup.add_argument("--json", action="store_true", help="for programs")

    restore = group.add("restore", help="put a backup back into a new system, and tell which objects are missing")
    restore.add_argument("source", type=Path, metavar="DIR", help="the backup")
    restore.add_argument(
        "--check", action="store_true", help="change nothing: compare the backup, and the storage with its inventory"
    )
    restore.add_argument("--json", action="store_true", help="for programs")
