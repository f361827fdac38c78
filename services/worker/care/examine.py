"""What a copy of an object is worth."""

from enum import StrEnum
from typing import Protocol

from contracts.errors import ObjectMissing, Unavailable
from services.worker.care.stored import Stored


class Condition(StrEnum):
    """What a copy was found to be; of a silent one nothing is known."""

    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    SILENT = "silent"


class Copies(Protocol):
    """Single copies on shards. Raises `Unavailable`, and `ObjectMissing` for one that is not there."""

    @property
    def reachable(self) -> set[str]: ...

    async def read(self, key: str, shard: str) -> bytes: ...


async def examine(stored: Stored, shard: str, *, copies: Copies) -> tuple[Condition, bytes]:
    """Reads a copy and compares it with what was recorded; gives its bytes too, whatever they are."""
    if shard not in copies.reachable:
        return Condition.SILENT, b""
    try:
        data = await copies.read(stored.key, shard)
    except ObjectMissing:
        return Condition.MISSING, b""
    except Unavailable:
        return Condition.SILENT, b""
    return (Condition.GOOD if await stored.is_right_soon(data) else Condition.WRONG), data
