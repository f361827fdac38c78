"""Finding objects that nobody points to: unfinished uploads, what was left by who died."""

import asyncio
import logging
from datetime import timedelta
from uuid import UUID

import msgspec

from contracts.errors import Unavailable
from services.worker.care.ports import Copies, Listed, Placements, Walks
from services.worker.ports import Clock

logger = logging.getLogger(__name__)

BATCH = 1000
"""Objects that the primary is asked about at once."""

WALK = "sweep"


class Swept(msgspec.Struct, frozen=True):
    """A shard: objects that lie there, those that nobody names, and their bytes.

    `problem` says why it was passed over.
    """

    shard: str
    objects: int = 0
    unnamed: int = 0
    bytes: int = 0
    problem: str = ""


async def sweep(
    shard: str, grace: timedelta, *, dry_run: bool, copies: Copies, placements: Placements, clock: Clock
) -> Swept:
    """What lies on a shard -> what of it no row names, by the primary -> given up, to be deleted at once.

    Objects younger than `grace` may belong to an upload that is not committed yet, so they stay. Of a shard whose
    listing does not come to its end nothing is given up. What was given up is deleted by `discard`, which asks the rows
    once more. Raises `Unavailable` without the primary.
    """
    before = clock() - grace
    count, found, batch = 0, list[Listed](), list[Listed]()
    try:
        async for item in copies.list(shard):
            count += 1
            if item.modified_at < before:
                batch.append(item)
            if len(batch) == BATCH:
                found += await _unnamed(batch, shard, placements)
                batch = []
    except Unavailable as error:
        logger.warning("shard %s is not swept, its listing is not complete: %s", shard, error)
        return Swept(shard, problem="its listing is not complete")
    found += await _unnamed(batch, shard, placements)
    if found and not dry_run:
        await placements.discard([(item.key, shard) for item in found], clock())
        logger.info("shard %s has %d objects that nobody points to; they go", shard, len(found))
    return Swept(shard, count, len(found), sum(item.size for item in found))


async def _unnamed(batch: list[Listed], shard: str, placements: Placements) -> list[Listed]:
    if not batch:
        return []
    unnamed = await placements.unnamed([(item.key, shard) for item in batch])
    return [item for item in batch if (item.key, shard) in unnamed]


class Sweeper(msgspec.Struct, frozen=True, kw_only=True):
    """What the periodic sweep needs; `every` is the seconds between two."""

    every: float
    grace: timedelta
    copies: Copies
    placements: Placements
    walks: Walks
    clock: Clock

    async def keep_sweeping(self) -> None:
        """Sweeps the shards that answer, one worker of all, until cancelled."""
        while True:
            await asyncio.sleep(self.every / 10)
            try:
                if await self.walks.claim(WALK, timedelta(seconds=self.every)) is not None:
                    await self.sweep_all()
            except Unavailable as error:
                logger.warning("nothing can be swept just now: %s", error)
            except Exception:  # one object must not end the sweeping
                logger.exception("the sweep did not come to its end")

    async def sweep_all(self) -> None:
        """Sweeps one shard after another, but none while the rows name no object at all: such a system may be one whose
        rows are still to be restored. Raises `Unavailable`.
        """
        if not await self.placements.page(UUID(int=0), 1):
            logger.info("nothing is swept: the database has no image yet")
            return
        for shard in sorted(self.copies.reachable):
            await self._sweep(shard)

    async def _sweep(self, shard: str) -> None:
        await sweep(shard, self.grace, dry_run=False, copies=self.copies, placements=self.placements, clock=self.clock)
