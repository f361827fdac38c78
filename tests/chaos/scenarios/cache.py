"""Redis: only a cache, whatever becomes of it."""

import asyncio

import redis.asyncio

from tests.chaos.calls import Caller
from tests.chaos.world import World, scenario

HELD_UP = 0.7
"""Seconds that a look-up waits between its query and its cache."""

SETTLED = 1.0
"""Seconds after an upload in which its renderings are made and its replicas have it: then look-ups ask the base."""


@scenario(seconds=8)
async def redis_killed(world: World) -> None:
    """Redis is away."""
    with world.fault("Redis is away"):
        async with world.stack.down("valkey"):
            await world.lasts()


@scenario(seconds=8)
async def redis_stopped(world: World) -> None:
    """Redis takes connections and answers nothing (SIGSTOP)."""
    with world.fault("Redis stands still"):
        async with world.stack.stopped("valkey"):
            await world.lasts()


@scenario(seconds=6)
async def redis_flushed(world: World) -> None:
    """Redis forgets everything, again and again."""
    with world.fault("Redis is flushed"):
        client = redis.asyncio.Redis.from_url(world.stack.facts["endpoints"]["redis"])
        try:
            for _ in range(10):
                await client.flushall()
                await world.lasts(0.1)
        finally:
            await client.aclose()


@scenario(seconds=9)
async def redis_restarted_empty(world: World) -> None:
    """Redis is killed and comes back with nothing, three times."""
    for _ in range(3):
        with world.fault("Redis is killed and comes back empty"):
            await world.stack.kill("valkey")
            await world.lasts(1 / 3)


@scenario(seconds=10, shows={"versioned-fill": "R3"})
async def filled_late(world: World) -> None:
    """A reader has read the base, and waits before it fills its caches, while the image is changed or deleted."""
    me = world.workload.caller("latecomer")
    until = world.history.now() + world.seconds
    async with (
        world.failing("read-1", "look_up.before_fill", f"sleep:{2 * HELD_UP}"),
        world.failing("read-2", "look_up.before_fill", f"sleep:{HELD_UP}/2"),
    ):
        while world.history.now() < until:
            await asyncio.gather(*(_overtake(world, me) for _ in range(4)))


async def _overtake(world: World, me: Caller) -> None:
    """Deletes an image while look-ups hold what the base had of it, and looks again when they have filled caches."""
    uploaded, proof = await world.workload.upload(me, world.rng)
    if not proof:
        return
    await world.pause(SETTLED)
    late = [asyncio.create_task(me.view(uploaded.image, target=target)) for target in ("read-1", "read-2")]
    await world.pause(HELD_UP / 2)
    await me.delete(uploaded.image, proof)
    await asyncio.gather(*late)
    await asyncio.gather(*(me.view(uploaded.image, target=target) for target in ("read-1", "read-2", "read-3")))
