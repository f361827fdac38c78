"""Forgetting everything at once."""

from infrastructure.redis.client import Client

_BATCH = 500


async def flush(client: Client, prefix: str) -> None:
    """Removes every key that begins with a prefix: what was remembered, and what was counted. Raises `Unavailable`."""
    cursor = 0  # of which the driver makes a number
    while True:
        cursor, keys = await client.ask("SCAN", cursor, "MATCH", f"{prefix}:*", "COUNT", _BATCH)
        if keys:
            await client.ask("UNLINK", *keys)
        if not cursor:
            return
