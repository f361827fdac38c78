"""Which shards there are, as the services tell each other."""

from enum import StrEnum
from uuid import UUID

import msgspec

SHARDS_ID = UUID("00000000-0000-7000-8000-5aa2d5000000")
"""What events about the shards are about: there is one list of them in a system."""


class ShardState(StrEnum):
    """Active: takes new objects. Draining: only gives what it has, until `rebalance` has moved all of it."""

    ACTIVE = "active"
    DRAINING = "draining"


class Shard(msgspec.Struct, frozen=True):
    """One place for copies: `s3://host:port/bucket` or `file:///directory`, never with credentials.

    `weight` is its share of the objects beside that of the others.
    """

    name: str
    url: str
    weight: int = 1
    state: ShardState = ShardState.ACTIVE


class ShardMap(msgspec.Struct, frozen=True):
    """All shards, by name. `version` grows by one with each change; 0 is what a process was configured with, before
    anybody has written the list down.
    """

    version: int
    shards: tuple[Shard, ...]

    @property
    def active(self) -> tuple[Shard, ...]:
        """Those that new objects may be put on."""
        return tuple(shard for shard in self.shards if shard.state is ShardState.ACTIVE)
