"""What the read service's use cases need from outside, as narrowly as they need it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from contracts.images import Image

Place = tuple[datetime, UUID]
"""A place in a list, newest first: after the image with this time of creation and this id."""


class Catalogue(Protocol):
    """What a replica tells, which may be behind. Deleted images are in none of its answers. Raises `Unavailable`."""

    async def select_image(self, image_id: UUID) -> Image | None: ...

    async def select_page(
        self, *, limit: int, after: Place | None, tags: tuple[str, ...], content_type: str | None
    ) -> tuple[Image, ...]:
        """Public images, newest first, that have all the tags and the type."""
        ...


class SharedCache(Protocol):
    """A cache that all read services share. It never raises: what it can't tell it does not have."""

    async def get(self, image_id: UUID) -> bytes | None: ...

    async def put(self, image_id: UUID, version: int, data: bytes, ttl: float) -> None:
        """Keeps `data` for `ttl` seconds unless a newer version, or word of a deletion, came before it."""
        ...

    async def forget(self, image_id: UUID, version: int) -> bool:
        """Drops what is older than `version` and refuses it from now on. False when the cache did not listen."""
        ...


class Objects(Protocol):
    """Where bytes are kept."""

    async def get(self, key: str, placement: tuple[str, ...], *, sha256: str | None, size: int | None) -> bytes:
        """The bytes of a copy that is right. Raises `Unavailable`, and `ObjectMissing` when there is none."""
        ...
