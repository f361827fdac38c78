"""A shard in a directory: `<directory>/<uuid>/<name>`, which nginx can serve as it lies there.

    <directory>/.incoming/          files being written; its presence also says that the disk is mounted,
                                    so whoever sets the shard up makes it, once, and nothing here does
    <directory>/<uuid>/original
    <directory>/<uuid>/medium-r1-0b8e4d29af61.webp

File systems keep some ten million entries in one directory well; a shard that is to hold more blobs
than that should be several.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from contracts.errors import ObjectMissing
from infrastructure.storage.config import Deadlines, Directory
from infrastructure.storage.shard import ObjectInfo, ShardFailed, ShardMisconfigured, checked, checked_prefix, is_key

INCOMING = ".incoming"
LEFTOVER_AGE = 86_400.0
"""Seconds after which a file in `.incoming` belongs to a process that died."""

_BATCH = 1000
_THREADS = 8

T = TypeVar("T")


class DirectoryShard:
    """`Shard` in a directory. It has threads of its own, so a disk that hangs holds up nobody else."""

    def __init__(self, address: Directory, *, deadlines: Deadlines) -> None:
        self.name = address.name
        self._root = address.path
        self._deadlines = deadlines
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"shard-{address.name}")

    def close(self) -> None:
        """Lets the threads go. Does not wait for one that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def prepare(self) -> None:
        """Removes what dead processes left in `.incoming`."""
        await self._run(self._deadlines.small, self._prepare)

    async def put(self, key: str, body: memoryview, content_type: str) -> str:  # noqa: ARG002 - whoever serves the file knows its type
        """`Shard.put`: written aside, synced and renamed, then the directories are synced. A disk tells no checksum."""
        await self._run(self._deadlines.put, lambda: self._write(self._path(key), body))
        return ""

    async def get(self, key: str) -> bytes:
        """`Shard.get`."""
        data = await self._run(self._deadlines.get, lambda: self._look(self._path(key).read_bytes))
        if data is None:
            raise ObjectMissing
        return data

    async def head(self, key: str) -> int | None:
        """`Shard.head`."""
        status = await self._run(self._deadlines.small, lambda: self._look(self._path(key).stat))
        return None if status is None else status.st_size

    async def delete(self, key: str) -> None:
        """`Shard.delete`; the last object of a uuid takes its directory with it."""
        await self._run(self._deadlines.small, lambda: self._look(lambda: _remove(self._path(key))))

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """`Shard.list`, a thousand at a time."""
        objects = self._walk(prefix)
        while batch := await self._run(self._deadlines.list, lambda: tuple(islice(objects, _BATCH))):
            for info in batch:
                yield info

    async def ping(self) -> None:
        """`Shard.ping`."""
        await self._run(self._deadlines.ping, self._check)

    async def _run(self, deadline: float, work: Callable[[], T]) -> T:
        """Runs in a thread. Past the deadline the thread goes on alone: it can't be stopped, but it can do no harm."""
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise ShardFailed(self.name, f"no answer within {deadline:g} s") from error
        except OSError as error:
            raise ShardFailed(self.name, f"{error.strerror or error}") from error

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    def _prepare(self) -> None:
        self._check()
        for path in (self._root / INCOMING).iterdir():
            if path.stat().st_mtime < time.time() - LEFTOVER_AGE:
                path.unlink(missing_ok=True)

    def _check(self) -> None:
        if not (self._root / INCOMING).is_dir():
            raise ShardMisconfigured(
                self.name, f"there is no directory {self._root / INCOMING}: make it once, or mount the disk that has it"
            )
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise ShardMisconfigured(self.name, f"directory {self._root} can't be written to")

    def _look(self, look: Callable[[], T]) -> T | None:
        """What `look` finds, None when the file isn't there. Of a disk that isn't there nothing is said."""
        try:
            return look()
        except FileNotFoundError:
            self._check()
            return None

    def _write(self, path: Path, body: memoryview) -> None:
        descriptor, aside = tempfile.mkstemp(dir=self._root / INCOMING)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fchmod(descriptor, 0o644)  # nginx, another user, serves it
                os.fsync(descriptor)
            _publish(Path(aside), path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        # The root too: the uuid's directory may have been made just now, by us or by another copy's writer.
        _sync(path.parent)
        _sync(self._root)

    def _walk(self, prefix: str) -> Iterator[ObjectInfo]:
        self._check()
        if prefix:
            yield from _objects(self._root / checked_prefix(prefix))
            return
        with os.scandir(self._root) as folders:
            for folder in folders:
                if is_key(f"{folder.name}/x"):
                    yield from _objects(Path(folder.path))


def _publish(aside: Path, path: Path) -> None:
    """Gives a finished file its name. A delete may take the directory away in between, hence more than one try."""
    for _ in range(3):
        with suppress(FileNotFoundError):
            _make(path.parent)
            aside.replace(path)
            return
    raise FileNotFoundError(path)


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        return
    folder.chmod(0o755)  # whatever the umask: nginx, another user, serves what is in it


def _remove(path: Path) -> None:
    path.unlink()
    with suppress(OSError):  # not empty, or gone already
        path.parent.rmdir()


def _objects(folder: Path) -> Iterator[ObjectInfo]:
    """Of one uuid. What is deleted while we look was not there, be it one object or the folder."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            key = f"{folder.name}/{entry.name}"
            if is_key(key) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield _info(key, entry.stat())


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
