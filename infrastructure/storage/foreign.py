"""Files of another system, under names of its own, in a directory or a bucket: only read, and never believed."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from contracts.errors import Refused, Unavailable
from infrastructure.env import ConfigError
from infrastructure.storage.config import DEADLINES, Bucket, Directory, StorageConfig, address, parse
from infrastructure.storage.s3 import BucketShard
from infrastructure.storage.session import open_session
from infrastructure.storage.shard import ShardFailed
from infrastructure.storage.sign import Signer

LIFETIME = 900
"""Seconds that the other server's clock may differ from ours."""


NO_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG, errno.EILSEQ}
)
"""What the system says of a name that no file has, or could have. A link that isn't to be followed is ELOOP."""

CLOSED = frozenset({errno.EACCES, errno.EPERM})
"""What it says of a file that is not for us. All else (EIO, ESTALE, EMFILE, ...) is no matter of this file alone."""


class ForeignFiles(Protocol):
    """A flat store of files."""

    async def read(self, name: str, limit: int) -> bytes | None:
        """A file's bytes, no more than one over `limit`; None when there is none.

        Raises `Refused` for a file that can't be read while others can, and `Unavailable`.
        """
        ...


class ForeignDirectory:
    """Files in a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(self, name: str, limit: int) -> bytes | None:
        """`ForeignFiles.read`. What would lie elsewhere, by its name or as a link, is not there."""
        if name != Path(name).name or name in {"", ".", ".."} or "\0" in name:
            return None
        try:
            return await asyncio.to_thread(self._read, name, limit)
        except OSError as error:
            if error.errno in NO_FILE:
                return None
            kind = Refused if error.errno in CLOSED else Unavailable
            raise kind(f"{name} can't be read: {error.strerror}.") from error

    def _read(self, name: str, limit: int) -> bytes | None:
        with open(self._root / name, "rb", opener=_open_alone) as file:
            return file.read(limit + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None


def _open_alone(path: str, flags: int) -> int:
    """Follows no link, and waits for nobody who would write to a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


@asynccontextmanager
async def open_foreign(place: str, keys: StorageConfig) -> AsyncIterator[ForeignFiles]:
    """Files at a directory's path, `file:///directory` or `s3://host:port/bucket`; `keys` open the bucket.

    Raises `Refused` when there is no such directory or bucket, or it does not let us in.
    """
    found = _address(place, keys)
    if isinstance(found, Directory):
        if not found.path.is_dir():
            raise Refused(f"There is no directory {found.path}.")
        yield ForeignDirectory(found.path)
        return
    signer = Signer(keys.access_key, keys.secret_key, keys.region, tls=keys.tls, lifetime=LIFETIME)
    async with open_session(tls=keys.tls, deadlines=DEADLINES) as http:
        bucket = BucketShard(found, http=http, signer=signer, deadlines=DEADLINES)
        try:
            await bucket.ping()
        except ShardFailed as error:
            raise Refused(f"{place} can't be read: {error.reason}.") from error
        yield bucket


def _address(place: str, keys: StorageConfig) -> Bucket | Directory:
    if not urlsplit(place).scheme:
        return Directory("import", Path(place).absolute())
    try:
        return address(parse(f"import={place}"), tls=keys.tls)
    except ConfigError:
        raise Refused(f"Expected a directory, file:///directory or s3://host:port/bucket, got {place}") from None
