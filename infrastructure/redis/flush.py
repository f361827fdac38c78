"""Forgetting everything at once."""

import asyncio
from typing import Any

from contracts.errors import Unavailable
from infrastructure.redis.client import PROBE_EVERY, Client

_BATCH = 500
_ANSWER = 5.0
_TRIES = 20
"""Keys that are looked for at once; seconds for an answer, and how often one is asked for: nobody waits at a page."""


async def flush(client: Client, prefix: str) -> None:
    """Removes every key that begins with a prefix: what was remembered, and what was counted. Raises `Unavailable`."""
    cursor = 0  # of which the driver makes a number
    while True:
        cursor, keys = await _insist(client, "SCAN", cursor, "MATCH", f"{prefix}:*", "COUNT", _BATCH)
        if keys:
            await _insist(client, "UNLINK", *keys)
        if not cursor:
            return


async def _insist(client: Client, *command: str | bytes | int) -> Any:
    for _ in range(_TRIES):
        try:
            return await client.ask(*command, within=_ANSWER)
        except Unavailable:
            await asyncio.sleep(PROBE_EVERY)
    return await client.ask(*command, within=_ANSWER)
