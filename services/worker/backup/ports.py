"""What saving and restoring need from outside."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol, TypeVar
from uuid import UUID

from contracts.images import Blob


class Relation(Protocol):
    """A table, its columns, and about how many rows it has."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def rows(self) -> int: ...


R = TypeVar("R", bound=Relation)


class Snapshot(Protocol[R]):
    """The database as it was at one moment. Raises `Unavailable`."""

    async def migrations(self) -> tuple[str, ...]: ...

    async def relations(self) -> tuple[R, ...]:
        """Each after those that its foreign keys lead to."""
        ...

    async def copy(self, relation: R, sink: Callable[[bytes], None]) -> int:
        """Gives all rows to a sink, in a thread; returns how many."""
        ...

    async def blobs(self, after: UUID, limit: int) -> tuple[Blob, ...]: ...


OpenSnapshot = Callable[[], AbstractAsyncContextManager[Snapshot[R]]]


class NewBackup(Protocol):
    """A backup that is being written. Raises `Unavailable` when the disk doesn't take it."""

    def compressed(self, name: str) -> AbstractContextManager[Callable[[bytes], None]]:
        """Gives what writes to a new file."""
        ...

    def write(self, name: str, data: bytes) -> None: ...

    def write_object(self, key: str, data: bytes) -> None: ...

    def lines(self, name: str) -> Iterator[bytes]: ...


class Backup(Protocol):
    """A backup that was written. Raises `Refused` where it is damaged."""

    def verify(self) -> frozenset[str]:
        """Compares all files that have a checksum with it; gives their names."""
        ...

    def read(self, name: str) -> bytes: ...

    def chunks(self, name: str) -> Iterator[bytes]: ...

    def lines(self, name: str) -> Iterator[bytes]: ...

    def read_object(self, key: str) -> bytes | None: ...


class Loader(Protocol):
    """Takes the rows of tables. Raises `Unavailable`."""

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]: ...

    async def load(self, table: str, columns: tuple[str, ...], source: Iterator[bytes]) -> int: ...


class Refilling(Protocol):
    """A database that is to get the rows of a backup. Raises `Refused` unless nothing and nobody is in it."""

    async def require_empty(self) -> None: ...

    async def require_alone(self) -> None: ...

    def unknown(self, migrations: Collection[str]) -> list[str]: ...

    def open(self, migrations: Collection[str]) -> AbstractAsyncContextManager[Loader]: ...


Forget = Callable[[], Awaitable[None]]
"""Forgets what was derived from other rows. Raises `Unavailable`."""


class Copies(Protocol):
    """Single copies on shards. Raises `Unavailable`, and `ObjectMissing` for one that is not there."""

    @property
    def reachable(self) -> set[str]: ...
    @property
    def known(self) -> set[str]:
        """All shards, also those that don't answer."""
        ...

    async def read(self, key: str, shard: str) -> bytes: ...

    async def write(self, key: str, shard: str, data: bytes, content_type: str) -> bool:
        """Whether the shard has said, by a checksum, that it has just these bytes now."""
        ...


class Placements(Protocol):
    """Where the rows say now that copies are. Raises `Unavailable`."""

    async def blob(self, blob_id: UUID) -> Blob | None: ...


Record = Callable[[Blob, Blob], Awaitable[bool]]
"""Has a row, if it is still as the first blob, name the copies that the second one has. Raises `Unavailable`."""
