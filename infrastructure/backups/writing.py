"""Writing a backup: under another name until all of it is on the disk."""

import gzip
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from contracts.errors import Refused, Unavailable
from infrastructure.backups.layout import OBJECTS, SUMS, sync
from infrastructure.backups.reading import Backup

LEVEL = 3
"""Of gzip: rows become hardly smaller with more, and it would cost more time than reading them."""

Write = Callable[[bytes], None]


class _Digesting:
    """A file that is only written to, and the SHA-256 of what was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class NewBackup:
    """Made by `new_backup`. Everything that writes raises `Unavailable` when the disk doesn't take it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sums: dict[str, str] = {}

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a compressed file that was written."""
        return Backup(self._directory).lines(name)

    @contextmanager
    def compressed(self, name: str) -> Iterator[Write]:
        """A new compressed file: gives what writes to it."""
        with _new(self._directory / name) as file:
            digesting = _Digesting(file)
            packed = gzip.GzipFile("", "wb", LEVEL, cast("BinaryIO", digesting), mtime=0)

            def write(data: bytes) -> None:
                with _telling():
                    packed.write(data)

            yield write
            with _telling():
                packed.close()
        self._sums[name] = digesting.digest.hexdigest()

    def write(self, name: str, data: bytes) -> None:
        """A small file."""
        self._write(self._directory / name, data)
        self._sums[name] = hashlib.sha256(data).hexdigest()

    def write_object(self, key: str, data: bytes) -> None:
        """The bytes of an object."""
        path = self._directory / OBJECTS / key
        self._write(path, data)
        with _telling():
            sync(path.parent)

    def _write(self, path: Path, data: bytes) -> None:
        with _new(path) as file, _telling():
            file.write(data)

    def finish(self) -> None:
        """Writes the checksums, the last thing that makes it whole, and forces every name to the disk."""
        sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._sums.items()))
        self._write(self._directory / SUMS, sums.encode())
        with _telling():
            for folder in (path for path in self._directory.iterdir() if path.is_dir()):
                sync(folder)
            sync(self._directory)


@contextmanager
def new_backup(directory: Path) -> Iterator[NewBackup]:
    """A backup that has its name, `directory`, when the block has ended without an error and all of it is on the disk.

    Until then it is a directory beside it that ends with `.partial`, which goes when the block raises; one that is left
    behind by a process that was killed may be removed. Raises `Refused` when there is something of that name already.
    """
    if directory.exists():
        raise Refused(f"{directory} exists already. A backup gets a directory of its own.")
    with _telling():
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", suffix=".partial", dir=directory.parent))
    try:
        backup = NewBackup(partial)
        yield backup
        backup.finish()
        with _telling():
            partial.rename(directory)
            sync(directory.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """A file for nobody but us: there are addresses and hashes of passwords in it. On the disk at the end."""
    with _telling():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    with file:
        yield file
        with _telling():
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The backup can't be written: {error.strerror or error}.") from error
