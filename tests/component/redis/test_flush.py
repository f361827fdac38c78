"""Everything of one system can be forgotten at once."""

from infrastructure.redis.client import open_client
from infrastructure.redis.flush import flush


async def test_one_prefix_is_forgotten_and_no_other(config, direct):
    """However many keys it has; a second time there is nothing to do."""
    await direct.mset({f"{config.prefix}:view:{number}": "x" for number in range(1200)})
    await direct.set(f"{config.prefix}x:view:1", "another's")
    async with open_client(config) as client:
        await flush(client, config.prefix)
        await flush(client, config.prefix)
    assert [key async for key in direct.scan_iter(f"{config.prefix}*")] == [f"{config.prefix}x:view:1".encode()]
