"""Real, odd, malformed and hostile files with what must become of each.

They lie outside of the repository: `CHITRAM_CORPUS` says where.
"""

import csv
import os
from pathlib import Path

import msgspec
import pytest

ROOT = Path(os.environ.get("CHITRAM_CORPUS") or Path(__file__).parents[1] / "../shared/corpus").resolve()
_TABLE = ROOT / "expected.tsv"

needed = pytest.mark.skipif(
    not _TABLE.is_file(), reason="needs the corpus of test files; CHITRAM_CORPUS says where it is"
)


class Expected(msgspec.Struct, frozen=True):
    """A row of the table: `ready`, `refuse` or `broken`, and what the file is."""

    file: str
    outcome: str
    content_type: str
    width: str
    height: str
    frames: str
    private_metadata: str
    source: str

    @property
    def path(self) -> Path:
        """Where the file is."""
        return ROOT / self.file

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()


def rows(*outcomes: str) -> list[Expected]:
    """The rows with one of these outcomes; none where there is no corpus."""
    if not _TABLE.is_file():
        return []
    with _TABLE.open(newline="") as table:
        found = [Expected(**row) for row in csv.DictReader(table, delimiter="\t")]
    return [row for row in found if row.outcome in outcomes]


def each(*outcomes: str) -> pytest.MarkDecorator:
    """Runs a test with each such row, as `row`."""
    return pytest.mark.parametrize("row", rows(*outcomes), ids=lambda row: row.file)
