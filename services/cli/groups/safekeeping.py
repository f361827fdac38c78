"""Commands about everything at once: saving it, putting it back, bringing it along from elsewhere."""

from pathlib import Path

from services.cli.groups.group import Group
from services.cli.groups.shards import rate

TITLE = "all it has"


def add(group: Group) -> None:
    """backup, restore, import."""
    backup = group.add("backup", help="save all rows, with an inventory of the objects that they name")
    backup.add_argument("target", type=Path, metavar="DIR", help="a directory that is not there yet")
    backup.add_argument("--objects", action="store_true", help="save the bytes of all pictures too")
    backup.add_argument("--json", action="store_true", help="for programs")

    restore = group.add("restore", help="put a backup back into a new system, and tell which objects are missing")
    restore.add_argument("source", type=Path, metavar="DIR", help="the backup")
    only = restore.add_mutually_exclusive_group()
    only.add_argument(
        "--check", action="store_true", help="change nothing: compare the backup, and the storage with its inventory"
    )
    only.add_argument("--mend", action="store_true", help="the rows are back: look for missing objects once more")
    restore.add_argument(
        "--start-anyway", action="store_true", help="start the services of a stack though objects were not found"
    )
    restore.add_argument("--json", action="store_true", help="for programs")

    sources = group.actions("import", help="bring people and pictures along from another system", module="import_")
    original = sources.add_parser("chitram", help="from the original Chitram, a FastAPI application on Postgres")
    original.add_argument(
        "--database", metavar="URL", help="postgresql://user:password@host/name (CHITRAM_IMPORT_DATABASE)"
    )
    original.add_argument(
        "--storage",
        required=True,
        metavar="PLACE",
        help="its files: a directory, or s3://host:port/bucket (with CHITRAM_IMPORT_S3_ACCESS_KEY and _SECRET_KEY)",
    )
    original.add_argument("--rate", type=rate, metavar="MB/S", help="read no more than so many MB a second")
    original.add_argument("--keep-metadata", action="store_true", help="leave in the files what they say about people")
    original.add_argument("--json", action="store_true", help="for programs")
