"""Trying a shard before it is relied on."""

from uuid import uuid4

from contracts.errors import Unavailable
from contracts.shards import Shard, ShardMap
from infrastructure.env import ConfigError
from infrastructure.storage.breaker import POLICY
from infrastructure.storage.config import DEADLINES, StorageConfig
from infrastructure.storage.fleet import open_fleet
from infrastructure.storage.shard import ShardFailed, ShardMisconfigured

_BODY = b"chitram was here, and meant to leave nothing behind"


async def prove(listed: Shard, *, config: StorageConfig) -> None:
    """Returns when an object could be put on a shard, found in its listing, fetched and deleted again.

    Raises `ConfigError` or `Unavailable` with a sentence that says what went wrong.
    """
    async with open_fleet(config, deadlines=DEADLINES, policy=POLICY, clock=lambda: 0.0) as fleet:
        await fleet.change(ShardMap(0, (listed,)))
        problem = await fleet.examine(listed.name)
        if isinstance(problem, ShardMisconfigured):
            raise ConfigError(f"shard {listed.name}: {problem.reason}")
        if problem is not None:
            raise Unavailable(f"Shard {listed.name} does not answer: {problem.reason}")
        shard, _ = fleet.reach(listed.name)
        prefix = f"{uuid4()}/"
        key = f"{prefix}proof"
        try:
            await shard.put(key, memoryview(_BODY), "text/plain")
            seen = [info.key async for info in shard.list(prefix)]
            fetched = await shard.get(key)
            await shard.delete(key)
        except ShardFailed as error:
            raise Unavailable(f"Shard {listed.name} does not do what it should: {error.reason}") from error
    if seen != [key] or fetched != _BODY:
        raise Unavailable(f"Shard {listed.name} does not give back what was put there.")
