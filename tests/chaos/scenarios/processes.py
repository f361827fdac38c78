"""Our own processes, killed and stopped where it hurts."""

import asyncio

from tests.chaos.world import NGINX, READS_GO_ON, Pace, World, reads_at, scenario

EDGES = (
    "upload.before_put",
    "storage.before_put",
    "storage.after_put",
    "upload.before_insert",
    "primary.before_commit",
    "primary.after_commit",
    "upload.before_answer",
    "delete.before_row",
    "delete.before_answer",
)
"""Of the write service, from before the first PUT to after the COMMIT."""


@scenario(seconds=30, promises=(READS_GO_ON,))
async def write_killed_at_each_edge(world: World) -> None:
    """The write service dies at every edge of an upload and of a deletion in turn."""
    for edge in EDGES:
        async with world.failing("write-1", edge, "kill@2"):
            await world.lasts(1 / len(EDGES))


@scenario(seconds=10, promises=(READS_GO_ON,))
async def answer_to_commit_lost(world: World) -> None:
    """Commits happen and their answers never come: the outcome is unknown, and a retry with the same key finds it."""
    async with world.failing("write-1", "primary.after_commit", "lost/3"):
        await world.lasts()


@scenario(seconds=12, promises=(READS_GO_ON,))
async def worker_killed_before_row(world: World) -> None:
    """The worker dies when renderings are stored and no row names them."""
    async with world.failing("worker-1", "derive.before_row", "kill@2"):
        await world.lasts()


@scenario(seconds=12, promises=(READS_GO_ON,))
async def worker_killed_before_ack(world: World) -> None:
    """The worker dies when the row names the renderings and the event is not acknowledged."""
    async with world.failing("worker-1", "derive.before_ack", "kill@2"):
        await world.lasts()


@scenario(seconds=16, promises=(reads_at("read-2", "read-3"),), shows={"leases": "R3"}, pace=Pace(persons=3))
async def reader_stopped_past_its_lease(world: World) -> None:
    """A read service stands still for longer than its lease while images are deleted, and goes on."""
    for _ in range(4):
        with world.fault("read-1 stands still"):
            async with world.stack.stopped("read-1"):
                await world.lasts(0.2)
        await asyncio.sleep(0.5)


@scenario(seconds=9, promises=(READS_GO_ON, reads_at("read-2", NGINX)))
async def readers_killed(world: World) -> None:
    """Read services are killed one after another: nobody who asks through nginx notices."""
    for name in ("read-1", "read-3", "read-1"):
        with world.fault(f"{name} is killed"):
            await world.stack.kill(name)
            await world.lasts(1 / 3)
