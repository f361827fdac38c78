"""What the read service's use cases need from outside, as narrowly as they need it.

Positions are numbers of bytes in the primary's log, as `contracts.consistency` has them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from contracts.accounts import Credential, StatsView, User
from contracts.images import Image
from contracts.lists import Wanted

Clock = Callable[[], datetime]

Place = tuple[datetime, UUID]
"""A place in a list, newest first: after the image with this time of creation and this id."""


class Found(Protocol):
    """What a base has of an image, with everything that was committed before `as_of`."""

    @property
    def image(self) -> Image | None: ...
    @property
    def as_of(self) -> int: ...


class Page(Protocol):
    """Images in a list's order, with everything that was committed before `as_of`."""

    @property
    def images(self) -> tuple[Image, ...]: ...
    @property
    def as_of(self) -> int: ...


class Versions(Protocol):
    """Versions of images, with everything that was committed before `as_of`."""

    @property
    def versions(self) -> dict[UUID, int]: ...
    @property
    def as_of(self) -> int: ...


class Catalogue(Protocol):
    """What a replica, or the primary, tells. Deleted images are in none of its answers. Raises `Unavailable`."""

    async def select_image(self, image_id: UUID) -> Found: ...

    async def select_page(self, *, limit: int, after: Place | None, wanted: Wanted) -> Page:
        """Images, newest first, that are wanted."""
        ...

    async def select_versions(self, ids: Sequence[UUID]) -> Versions:
        """The versions of those images that there are."""
        ...


class FoundCredential(Protocol):
    """What a base has of a credential, with everything that was committed before `as_of`."""

    @property
    def credential(self) -> Credential | None: ...
    @property
    def as_of(self) -> int: ...


class Keyring(Protocol):
    """What a replica, or the primary, tells of accounts. Raises `Unavailable`."""

    async def select_credential(self, token_hash: bytes) -> FoundCredential: ...

    async def select_keys(self, user_id: UUID) -> tuple[Credential, ...]: ...

    async def select_user(self, user_id: UUID) -> User | None: ...

    async def select_stats(self, user_id: UUID) -> StatsView | None: ...


class Look(Protocol):
    """How far a replica has replayed, and what it has replayed for certain: the events of `stream` up to `sequence`."""

    @property
    def position(self) -> int: ...
    @property
    def stream(self) -> str | None: ...
    @property
    def sequence(self) -> int: ...


class Replica(Protocol):
    """The replica in use. Raises `Unavailable`."""

    async def look(self) -> Look: ...


class Primary(Protocol):
    """The server that takes writes. Raises `Unavailable`."""

    async def position(self) -> int:
        """A position not before any commit that was answered before this was called."""
        ...


class Cached(Protocol):
    """The bytes of an image in a cache, as of a position."""

    @property
    def data(self) -> bytes: ...
    @property
    def as_of(self) -> int: ...


class SharedCache(Protocol):
    """A cache that all read services share. It never raises: what it can't tell it does not have."""

    async def get(self, image_id: UUID) -> Cached | None: ...

    async def put(self, image_id: UUID, version: int, as_of: int, data: bytes, ttl: float) -> None:
        """Keeps `data` for `ttl` seconds unless it has something newer."""
        ...


class Lease(Protocol):
    """What lets a read service answer from what it remembers."""

    @property
    def is_held(self) -> bool:
        """Whether everything that was settled so far has been heard here. False means detached."""
        ...


class Objects(Protocol):
    """Where bytes are kept."""

    async def get(self, key: str, placement: tuple[str, ...], *, sha256: str | None, size: int | None) -> bytes:
        """The bytes of a copy that is right. Raises `Unavailable`, and `ObjectMissing` when there is none."""
        ...
