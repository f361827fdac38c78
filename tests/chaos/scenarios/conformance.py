"""What the OpenAPI document says, tried at random while clients work."""

import asyncio

from tests.chaos.world import World, scenario
from tests.conformance.run import conform

LONGEST = 1800.0
"""Seconds after which it has got stuck."""


@scenario(seconds=60, quick=15)
async def conformance(world: World) -> None:
    """schemathesis tries every operation with everything it can think of, all its checks on."""
    options = ("--seed", str(world.rng.randrange(10**6)), "--max-time", str(int(world.seconds)))
    with world.fault("schemathesis"):
        done = await asyncio.to_thread(conform, world.stack.url, *options, seconds=LONGEST)
    if done.returncode != 0:
        world.violated("C", done.stdout)
