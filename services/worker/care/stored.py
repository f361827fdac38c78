"""A blob's objects, one like the other: the original and what was made of it."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from contracts.images import Blob

WORTH_A_THREAD = 64_000
"""Bytes whose hashing takes longer than handing them to a thread, about 50 µs."""


class Stored(msgspec.Struct, frozen=True):
    """An object, where its copies are and what they must be. `variant` is empty for the original, `sha256` where nobody
    recorded it.
    """

    key: str
    sha256: str
    size: int
    content_type: str
    placement: tuple[str, ...]
    variant: str = ""

    def is_right(self, data: bytes) -> bool:
        """Whether these are its bytes, as far as they were recorded. Hashing 25 MiB takes 20 ms."""
        return len(data) == self.size and self.sha256 in ("", digest(data))

    async def is_right_soon(self, data: bytes) -> bool:
        """The same, while others go on."""
        if len(data) < WORTH_A_THREAD:
            return self.is_right(data)
        return await asyncio.to_thread(self.is_right, data)

    def with_checksum(self, data: bytes) -> "Stored":
        """The same with its checksum recorded, of bytes that are right."""
        return self if self.sha256 else replace(self, sha256=digest(data))


def digest(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def objects_of(blob: Blob) -> tuple[Stored, ...]:
    """The original, then the derivatives in their order."""
    original = Stored(blob.key, blob.sha256, blob.size, blob.content_type, blob.placement)
    return original, *(
        Stored(made.key, made.sha256, made.size, made.content_type, made.placement, made.variant)
        for made in blob.derivatives
    )


def with_objects(blob: Blob, changed: Mapping[str, Stored]) -> Blob:
    """The blob with the placements and checksums of some of its objects replaced, by key."""

    def of(key: str, placement: tuple[str, ...]) -> tuple[str, ...]:
        return changed[key].placement if key in changed else placement

    made = tuple(
        replace(d, placement=of(d.key, d.placement), sha256=changed[d.key].sha256 if d.key in changed else d.sha256)
        for d in blob.derivatives
    )
    return replace(blob, placement=of(blob.key, blob.placement), derivatives=made)


Owners = Callable[[str], tuple[str, ...]]
"""The shards on which a key's copies belong, best first."""
