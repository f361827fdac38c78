"""What a shard is: a flat store of immutable objects under unique keys."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

import msgspec

from contracts.errors import Unavailable

_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[a-z0-9][a-z0-9._-]{0,99}")


class ObjectInfo(msgspec.Struct, frozen=True):
    """An object in a listing; `size` in bytes, `modified_at` by the shard's own clock."""

    key: str
    size: int
    modified_at: datetime


class ShardFailed(Unavailable):
    """A shard did not do what it was asked. `shard` and `reason` are for logs, not for callers of the API."""

    def __init__(self, shard: str, reason: str) -> None:
        super().__init__()
        self.shard = shard
        self.reason = reason
        self.add_note(f"shard {shard}: {reason}")


class ShardMisconfigured(ShardFailed):
    """A shard answers, but as set up it can never work: its bucket or directory is missing, or it refuses our keys."""


class Shard(Protocol):
    """One bucket or one directory.

    A key is `<uuid>/<name>`, unique to its bytes and never used again, so every call may be
    repeated. Each ends within a deadline. All raise `ShardFailed`, and `ValueError` for a key of
    another form.
    """

    @property
    def name(self) -> str:
        """The shard's name, as placements hold it."""
        ...

    async def put(self, key: str, body: memoryview, content_type: str) -> str:
        """Stores an object: all of it is durable, as the shard understands that, or none of it is seen.

        Returns the shard's own tag of what it has stored, empty when it gives none. With most servers that is the MD5
        in hexadecimal: when it equals that of the bytes they have arrived whole, when it doesn't nothing is known.
        """
        ...

    async def get(self, key: str) -> bytes:
        """The whole object. Raises `contracts.errors.ObjectMissing` when there is none."""
        ...

    async def head(self, key: str) -> int | None:
        """The object's size in bytes, None when there is none."""
        ...

    async def delete(self, key: str) -> None:
        """Removes an object; one that isn't there is a success."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Every object, or those of one `<uuid>/`, in no stated order; names that aren't keys are passed over.

        A listing that ends without an error is complete.
        """
        ...

    async def ping(self) -> None:
        """Returns when the shard is there and lets us in. Raises `ShardMisconfigured` when it never will."""
        ...


def is_key(text: str) -> bool:
    """Whether a name has the form of a key. Keys need no quoting in paths and URLs."""
    return _KEY.fullmatch(text) is not None


def checked(key: str) -> str:
    """The key itself. Raises `ValueError` when it has another form, whatever it would point at."""
    if not is_key(key):
        raise ValueError(f"not an object key: {key!r}")
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix itself. Raises `ValueError` unless it is empty or `<uuid>/`."""
    if prefix and not (prefix.endswith("/") and is_key(f"{prefix}x")):
        raise ValueError(f"not an object prefix: {prefix!r}")
    return prefix
