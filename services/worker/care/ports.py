"""What looking after shards and copies needs from outside, as narrowly as it needs it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from contracts.images import Blob, Failure
from contracts.shards import Shard, ShardMap


class ShardList(Protocol):
    """The list of shards in the database. Raises `Unavailable`."""

    async def select(self) -> ShardMap: ...

    async def change(self, decide: Callable[[ShardMap], tuple[Shard, ...]]) -> ShardMap:
        """Writes what `decide` makes of the list; what it raises undoes everything."""
        ...

    async def unchanged_since(self, name: str) -> datetime | None:
        """When a shard's entry was changed last; None when it has none."""
        ...


class Usage(Protocol):
    """Copies on a shard, and their bytes."""

    @property
    def objects(self) -> int: ...
    @property
    def bytes(self) -> int: ...


class Placements(Protocol):
    """Where the rows say that copies are. Raises `Unavailable`."""

    async def usage(self) -> Mapping[str, Usage]: ...

    async def page(self, after: UUID, limit: int) -> tuple[Blob, ...]:
        """The next blobs after an id, in the order of their ids."""
        ...

    async def verified(self, blob_ids: Sequence[UUID], since: datetime) -> set[UUID]:
        """Those whose copies were all found to be good since a time."""
        ...

    async def blob(self, blob_id: UUID) -> Blob | None: ...

    async def unnamed(self, copies: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Copies that no row names and nobody has written down."""
        ...

    async def discard(self, copies: Sequence[tuple[str, str]], not_before: datetime) -> None: ...


class Moves(Protocol):
    """Changes of where copies are and what is known of them. Each is safe to repeat. Raises `Unavailable`."""

    async def intend(self, copies: Sequence[tuple[str, str]], not_before: datetime) -> None:
        """Copies that are about to be made; should no row come to name them, they go after that time."""
        ...

    async def record(
        self, before: Blob, after: Blob, *, discarded: Sequence[tuple[str, str]], not_before: datetime
    ) -> bool:
        """False when somebody else has changed the blob meanwhile."""
        ...

    async def stamp(self, found: Sequence[Blob]) -> Mapping[UUID, str]:
        """All copies of some blobs are good, unless somebody has changed what they name; gives the codes of failures
        they have.
        """
        ...

    async def record_lost(self, blob_id: UUID, failure: Failure) -> bool: ...

    async def record_found(self, blob_id: UUID, code: str) -> bool: ...

    async def request_rerender(self, blob_id: UUID, variants: Sequence[str]) -> None: ...


class Walks(Protocol):
    """How far walks over all blobs have come. Raises `Unavailable`."""

    async def claim(self, walk: str, lease: timedelta) -> UUID | None: ...

    async def position(self, walk: str, version: int) -> UUID: ...

    async def save(self, walk: str, position: UUID, *, version: int = 0) -> None: ...

    async def release(self, walk: str) -> None: ...


class Listed(Protocol):
    """An object on a shard."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def modified_at(self) -> datetime: ...


class Copies(Protocol):
    """Single copies on shards. Raises `Unavailable`, and `ObjectMissing` for one that is not there."""

    @property
    def reachable(self) -> set[str]:
        """Names of the shards that are in use and not avoided."""
        ...

    @property
    def known(self) -> set[str]:
        """Names of all shards that are on the list."""
        ...

    async def read(self, key: str, shard: str) -> bytes: ...

    async def write(self, key: str, shard: str, data: bytes, content_type: str) -> bool:
        """Whether the shard has said, by a checksum, that it has just these bytes now."""
        ...

    def list(self, shard: str, prefix: str = "") -> AsyncIterator[Listed]:
        """Every object, or those of one `<blob id>/`."""
        ...


class Discarded(Protocol):
    """Copies that are to be deleted. Raises `Unavailable`."""

    async def count(self, shard: str) -> int: ...

    async def forget(self, shard: str) -> None: ...
