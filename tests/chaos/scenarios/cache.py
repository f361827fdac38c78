"""Redis: only a cache, whatever becomes of it."""

import asyncio

import redis.asyncio

from tests.chaos.world import World, scenario


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


@scenario(seconds=10, shows=("versioned-fill",))
async def filled_late(world: World) -> None:
    """A reader has read the base, and waits before it fills its caches, while the image is changed or deleted."""
    async with (
        world.failing("read-1", "look_up.before_fill", "sleep:1.5"),
        world.failing("read-2", "look_up.before_fill", "sleep:0.5/2"),
    ):
        await world.lasts()
    await asyncio.sleep(1.5)
