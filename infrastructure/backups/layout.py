"""What lies where in a backup.

    manifest.json           what was saved, when, and by which release
    rows/<table>.copy.gz    the rows of a table, in PostgreSQL's text format of COPY
    inventory.jsonl.gz      an object a line: key, size, sha256, type, placement
    objects/<uuid>/<name>   bytes, where they were asked for
    SHA256SUMS              of all files but the objects, whose checksums are in the inventory: written last

`sha256sum --check SHA256SUMS` verifies it without Chitram.
"""

import hashlib
import os
from pathlib import Path

SUMS = "SHA256SUMS"
OBJECTS = "objects"

AT_ONCE = 1 << 20
"""Bytes that are read at a time."""


def file_digest(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Forces a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
