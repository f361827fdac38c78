"""What the tests of the services look at."""

from typing import Any

import asyncpg
import httpx

from infrastructure.storage.open import Storage
from infrastructure.storage.shard import ShardFailed

IMAGES = "/api/v1/images"


async def upload(write: httpx.AsyncClient, data: bytes, name: str = "a.jpg", **fields: str) -> dict[str, Any]:
    """Uploads a picture and gives the view that answered."""
    answer = await write.post(f"{IMAGES}/upload", files={"file": (name, data)}, data=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def objects(storage: Storage) -> dict[str, int]:
    """Every object's key with the number of its copies, over all shards."""
    found: dict[str, int] = {}
    try:
        for shard in storage.shards.values():
            async for item in shard.list():
                found[item.key] = found.get(item.key, 0) + 1
    except ShardFailed as error:  # so that who waits for objects asks again
        raise AssertionError from error
    return found


async def rows(database, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """What a statement finds on the primary."""
    connection = await asyncpg.connect(database.primary)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()
