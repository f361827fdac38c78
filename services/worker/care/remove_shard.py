"""Taking an empty shard off the list."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from contracts.errors import Refused
from contracts.shards import Shard, ShardMap, ShardState
from services.worker.care.change_shards import require_shard
from services.worker.care.ports import Discarded, Placements, ShardList
from services.worker.ports import Clock

SETTLED = timedelta(seconds=30)
"""How long after a drain its last upload, which had begun before, is on record. An upload asks for the list of shards
before it writes copies; a copy is given up after ten seconds, a commit after five."""

Look = Callable[[str], AsyncIterator[object]]
"""Every object that really lies on a shard. Raises `Unavailable`."""


async def remove_shard(
    name: str,
    *,
    lost: bool,
    shard_list: ShardList,
    placements: Placements,
    discarded: Discarded,
    look: Look,
    clock: Clock,
    settled: timedelta = SETTLED,
) -> ShardMap:
    """Takes a drained shard off the list once no row names it and nothing lies on it.

    A shard that is `lost`, with everything on it, is not looked at, and what was still to be deleted there is
    forgotten. Raises `Refused`, with the count, while something is there, and `Unavailable`.
    """
    shard = require_shard(name, await shard_list.select())
    if shard.state is not ShardState.DRAINING:
        raise Refused(f"Shard {name} still takes new objects. Drain it first: chitram shards drain {name}")
    since = await shard_list.unchanged_since(name)
    if since is not None and clock() < since + settled:
        left = (since + settled - clock()).total_seconds()
        raise Refused(f"Uploads that began before the drain may still end on {name}. Try again in {left:.0f} s.")
    await _require_empty(name, placements, discarded, look, lost=lost)

    def decide(known: ShardMap) -> tuple[Shard, ...]:
        if require_shard(name, known) != shard:
            raise Refused(f"Shard {name} was changed by somebody else meanwhile.")
        return tuple(other for other in known.shards if other.name != name)

    removed = await shard_list.change(decide)
    await discarded.forget(name)
    return removed


async def _require_empty(name: str, placements: Placements, discarded: Discarded, look: Look, *, lost: bool) -> None:
    usage = (await placements.usage()).get(name)
    if usage is not None and usage.objects:
        raise Refused(f"Shard {name} still holds {usage.objects} objects. Move them first: chitram rebalance")
    if lost:
        return
    if count := await discarded.count(name):
        raise Refused(f"{count} old copies are still to be deleted from shard {name}: chitram sweep")
    if count := await _count(look(name)):
        raise Refused(f"There are still {count} objects on shard {name} that no row names: chitram sweep")


async def _count(objects: AsyncIterator[object]) -> int:
    count = 0
    async for _ in objects:
        count += 1
    return count
