"""What a backup says of itself."""

from datetime import datetime

import msgspec

from contracts.errors import Refused

FORMAT = 1
"""Grows when an older release could not read a backup any more."""

MANIFEST = "manifest.json"
INVENTORY = "inventory.jsonl.gz"


class Table(msgspec.Struct, frozen=True):
    """A table's columns in the order of its file, and the number of its rows."""

    name: str
    columns: tuple[str, ...]
    rows: int

    @property
    def file(self) -> str:
        """Where the rows are."""
        return f"rows/{self.name}.copy.gz"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`migrations` made the schema; `tables` are in an order in which they can be filled.

    `objects` of so many `bytes` are named by the rows, each once, however many copies it has. With `with_objects` their
    bytes were saved too, but for `absent` ones, of which no good copy was found.
    """

    format: int
    made_at: datetime
    migrations: tuple[str, ...]
    tables: tuple[Table, ...]
    objects: int
    bytes: int
    with_objects: bool
    absent: int = 0

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)


class _Format(msgspec.Struct):
    format: int


def decode(data: bytes) -> Manifest:
    """Raises `Refused` for what this release can't read."""
    try:
        found = msgspec.json.decode(data, type=_Format).format
        if found > FORMAT:
            raise Refused(f"The backup has format {found}, this release reads {FORMAT} at most. Use a newer release.")
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise Refused(f"The backup is damaged: {MANIFEST}: {error}.") from error


def encode(manifest: Manifest) -> bytes:
    """For people to read, too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)
