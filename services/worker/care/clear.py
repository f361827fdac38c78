"""Clearing up after a blob that is gone."""

import asyncio
from uuid import UUID

from services.worker.care.ports import Copies, Placements
from services.worker.ports import Clock


async def clear(blob_id: UUID, *, copies: Copies, placements: Placements, clock: Clock) -> None:
    """What lies on the shards under the name of a blob that no row has -> given up, to be deleted at once.

    For whoever stored something while the blob was erased, of which the erasing knew nothing. What was given up before
    keeps its time. Ids are never used again, so nothing of it can come to be named. Raises `Unavailable` when a shard
    can't say what it has, after clearing the others.
    """
    answers = await asyncio.gather(
        *(_list(f"{blob_id}/", shard, copies) for shard in sorted(copies.known)), return_exceptions=True
    )
    found = [copy for answer in answers if not isinstance(answer, BaseException) for copy in answer]
    if unnamed := found and await placements.unnamed(found):
        await placements.discard(sorted(unnamed), clock())
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer


async def _list(prefix: str, shard: str, copies: Copies) -> list[tuple[str, str]]:
    return [(item.key, shard) async for item in copies.list(shard, prefix)]
