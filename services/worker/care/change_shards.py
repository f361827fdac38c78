"""Adding a shard, and changing one: its weight, its address, whether it takes new objects."""

from collections.abc import Awaitable, Callable

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from contracts.errors import Refused
from contracts.shards import Shard, ShardMap, ShardState
from services.worker.care.ports import ShardList

Prove = Callable[[Shard], Awaitable[None]]
"""Returns when a shard is there and takes, gives and deletes objects. Raises `Unavailable`, `Refused`."""


class ShardChange(Struct, frozen=True):
    """What shall be different; what is unset stays as it is."""

    url: str | UnsetType = UNSET
    weight: int | UnsetType = UNSET
    state: ShardState | UnsetType = UNSET


async def add_shard(shard: Shard, *, shard_list: ShardList, prove: Prove) -> ShardMap:
    """Writes a new shard down once it has proved to work. From then on it takes its share of new objects.

    Raises `Refused` for a name or a place that is on the list, and what `prove` raises.
    """

    def decide(known: ShardMap) -> tuple[Shard, ...]:
        _refuse_place(shard, known)
        if any(shard.name == other.name for other in known.shards):
            raise Refused(f"There is a shard {shard.name} already.")
        return (*known.shards, shard)

    decide(await shard_list.select())
    await prove(shard)
    return await shard_list.change(decide)


async def change_shard(name: str, wanted: ShardChange, *, copies: int, shard_list: ShardList, prove: Prove) -> ShardMap:
    """Changes one shard. A draining one takes nothing new and gives what it has until it is empty.

    Raises `Refused` for a name that is not on the list, and where fewer than `copies` shards would take new objects.
    """

    def decide(known: ShardMap) -> tuple[Shard, ...]:
        changed = _changed(require_shard(name, known), wanted)
        _refuse_place(changed, known)
        shards = tuple(changed if shard.name == name else shard for shard in known.shards)
        active = len(ShardMap(0, shards).active)
        if active < copies:
            raise Refused(f"{copies} copies need as many active shards, and then there were {active}.")
        return shards

    if wanted.url is not UNSET:
        await prove(_changed(require_shard(name, await shard_list.select()), wanted))
    return await shard_list.change(decide)


def require_shard(name: str, known: ShardMap) -> Shard:
    """The shard of that name. Raises `Refused`."""
    for shard in known.shards:
        if shard.name == name:
            return shard
    raise Refused(f"There is no shard {name}, only {', '.join(shard.name for shard in known.shards)}.")


def _changed(shard: Shard, wanted: ShardChange) -> Shard:
    return replace(shard, **{field: value for field, value in asdict(wanted).items() if value is not UNSET})


def _refuse_place(shard: Shard, known: ShardMap) -> None:
    for other in known.shards:
        if other.url == shard.url and other.name != shard.name:
            raise Refused(f"{shard.url} is shard {other.name} already.")
