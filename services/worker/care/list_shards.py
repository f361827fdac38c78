"""What there is to know of each shard."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from contracts.shards import ShardMap
from services.worker.care.ports import Placements, ShardList


class Ring(Protocol):
    """Where new objects go."""

    def shares(self) -> dict[str, float]: ...


class Storage(Protocol):
    """The shards as they answer here."""

    @property
    def ring(self) -> Ring: ...

    def breakers(self) -> Mapping[str, str]: ...


class ShardReport(msgspec.Struct, frozen=True):
    """One shard. `objects` are copies by the rows and `bytes` theirs, `share` is that of new objects, from 0 to 1."""

    name: str
    url: str
    state: str
    weight: int
    breaker: str
    objects: int
    bytes: int
    share: float


class Shards(msgspec.Struct, frozen=True):
    """All of them, and the version of the list."""

    version: int
    shards: tuple[ShardReport, ...]


UNLISTED = "unlisted"
"""The state of a shard that rows name and the list doesn't."""


async def list_shards(*, shard_list: ShardList, storage: Storage, placements: Placements) -> Shards:
    """List, breakers, ring and rows -> one report. Looks at every blob. Raises `Unavailable`."""
    listed = await shard_list.select()
    usage = {name: (used.objects, used.bytes) for name, used in (await placements.usage()).items()}
    shares, breakers = storage.ring.shares(), storage.breakers()
    known = tuple(
        ShardReport(
            name=shard.name,
            url=shard.url,
            state=shard.state.value,
            weight=shard.weight,
            breaker=str(breakers.get(shard.name, "unknown")),
            objects=usage.get(shard.name, (0, 0))[0],
            bytes=usage.get(shard.name, (0, 0))[1],
            share=shares.get(shard.name, 0.0),
        )
        for shard in listed.shards
    )
    return Shards(listed.version, (*known, *_unlisted(listed, usage)))


def _unlisted(listed: ShardMap, usage: Mapping[str, tuple[int, int]]) -> list[ShardReport]:
    names = {shard.name for shard in listed.shards}
    return [
        ShardReport(name, "", UNLISTED, 0, "unknown", *usage[name], share=0.0) for name in sorted(usage.keys() - names)
    ]
