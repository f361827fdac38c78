"""Nothing at all: what any run must keep when nothing is wrong."""

from tests.chaos.world import World, scenario


@scenario(seconds=6, fresh_within=5.0)
async def calm(world: World) -> None:
    """Clients work and nothing happens to the system."""
    with world.fault("nothing"):
        await world.lasts()
