"""Reading a backup."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from contracts.errors import Refused
from infrastructure.backups.layout import AT_ONCE, OBJECTS, SUMS, file_digest


class Backup:
    """A directory with a backup in it. Everything raises `Refused`, naming the file, where it is damaged."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def verify(self) -> frozenset[str]:
        """Reads every file that has a checksum, which is all but the objects, and compares; gives their names."""
        sums = self._read_sums()
        for name, digest in sums.items():
            try:
                found = file_digest(self._directory / name)
            except OSError as error:
                raise Refused(f"The backup is damaged: {name}: {error.strerror}.") from error
            if found != digest:
                raise Refused(f"The backup is damaged: {name} is not what was saved.")
        return frozenset(sums)

    def _read_sums(self) -> dict[str, str]:
        try:
            lines = (self._directory / SUMS).read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"{self._directory} is not a backup, or not a whole one: {SUMS} is missing.") from error
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}

    def read(self, name: str) -> bytes:
        """A small file."""
        try:
            return (self._directory / name).read_bytes()
        except OSError as error:
            raise Refused(f"The backup is damaged: {name}: {error.strerror}.") from error

    def chunks(self, name: str) -> Iterator[bytes]:
        """What is in a compressed file, piece by piece."""
        try:
            with gzip.open(self._directory / name) as file:
                while data := file.read(AT_ONCE):
                    yield data
        except (OSError, EOFError, zlib.error) as error:
            raise Refused(f"The backup is damaged: {name} can't be read.") from error

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a compressed file."""
        rest = b""
        for data in self.chunks(name):
            *whole, rest = (rest + data).split(b"\n")
            yield from whole

    def read_object(self, key: str) -> bytes | None:
        """The bytes of an object, whatever they are; None when they were not saved."""
        try:
            return (self._directory / OBJECTS / key).read_bytes()
        except OSError:
            return None
