"""Replicas that lag, a primary that crashes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.chaos.world import EVERYTHING_GOES_ON, NGINX, READS_GO_ON, WRITES_GO_ON, World, reads_at, scenario

FRESH = 5.0
"""Seconds after which a write must be seen without a token: far more than the promised 20 ms, far less than the lag."""


@asynccontextmanager
async def paused_replay(world: World, *replicas: str) -> AsyncIterator[None]:
    """These replicas receive and don't replay, while the block runs."""
    async with AsyncExitStack() as connections:
        for address in replicas:
            replica = await connections.enter_async_context(world.stack.postgres(address))
            await replica.execute("SELECT pg_wal_replay_pause()")
            connections.push_async_callback(replica.execute, "SELECT pg_wal_replay_resume()")
        yield


@scenario(seconds=30, promises=EVERYTHING_GOES_ON, fresh_within=FRESH, shows={"tombstones": "R3"})
async def replay_paused_on_both(world: World) -> None:
    """Both replicas stand still for half a minute: what is written is seen, and what is deleted is gone."""
    with world.fault("replay paused on both replicas"):
        async with paused_replay(world, *world.stack.replicas):
            await world.lasts()


@scenario(seconds=15, promises=EVERYTHING_GOES_ON, fresh_within=FRESH)
async def replay_paused_on_one(world: World) -> None:
    """One replica stands still: its readers are as fresh as the others."""
    with world.fault("replay paused on the first replica"):
        async with paused_replay(world, world.stack.replicas[0]):
            await world.lasts()


@scenario(seconds=10, promises=(READS_GO_ON,))
async def primary_crashed(world: World) -> None:
    """The primary is killed twice: reads go on, writes fail or are unknown, nothing acknowledged is lost."""
    for _ in range(2):
        with world.fault("the primary is killed"):
            await world.stack.kill("postgres-primary")
            await world.lasts(0.5)


@scenario(seconds=8, promises=(reads_at(NGINX, ratio=0.95), WRITES_GO_ON))
async def replicas_away(world: World) -> None:
    """No replica is there: reads are answered from what was heard, and by the primary."""
    with world.fault("both replicas are away"):
        async with world.stack.down("postgres-replica-1"), world.stack.down("postgres-replica-2"):
            await world.lasts()
