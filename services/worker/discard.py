"""Deleting objects that were given up."""

import asyncio
import logging
from datetime import timedelta

from contracts.errors import Unavailable
from infrastructure.failpoints import failpoint
from services.worker.ports import Clock, DueCopies, Objects

logger = logging.getLogger(__name__)

BATCH = 100
"""Copies claimed at once: enough to share a transaction, few enough to be deleted well within its time-outs."""

AT_ONCE = 8
"""Objects deleted at the same time: nobody waits for them, and a shard that gets more than it can take looks broken."""

EVERY = 1.0
"""Seconds between looks at what is due."""

LATER = timedelta(seconds=30)
"""How long what could not be deleted is left alone."""


async def discard(*, discarded: DueCopies, objects: Objects, clock: Clock) -> int:
    """Deletes what was given up and is due, at most one batch; returns how many copies were claimed.

    Objects go before the rows that name them: a crash in between deletes again, and deleting what is not there is
    success. What can't be deleted now is tried again later. Raises `Unavailable`.
    """
    async with discarded.claim(clock(), BATCH) as batch:
        placements: dict[str, list[str]] = {}
        for key, shard in batch.copies:
            placements.setdefault(key, []).append(shard)
        failed = await _delete(placements, objects)
        await failpoint("erase.before_row")
        await batch.forget([copy for copy in batch.copies if copy[0] not in failed])
        await batch.postpone([copy for copy in batch.copies if copy[0] in failed], clock() + LATER)
    return len(batch.copies)


async def _delete(placements: dict[str, list[str]], objects: Objects) -> set[str]:
    """Deletes objects from the shards that are named with them; gives the keys of those that could not be."""
    turn = asyncio.Semaphore(AT_ONCE)
    failed = set()

    async def delete(key: str, shards: list[str]) -> None:
        async with turn:
            try:
                await objects.delete(key, tuple(shards))
            except Unavailable as error:
                logger.warning("%s is not deleted yet: %s", key, error)
                failed.add(key)
            except Exception:  # one that can't be deleted at all, for example what is no key, must not stop the others
                logger.exception("%s can't be deleted", key)
                failed.add(key)

    await asyncio.gather(*(delete(key, shards) for key, shards in placements.items()))
    return failed


async def keep_discarding(*, discarded: DueCopies, objects: Objects, clock: Clock) -> None:
    """Deletes what is due until cancelled."""
    while True:
        try:
            while await discard(discarded=discarded, objects=objects, clock=clock) == BATCH:
                pass
        except Unavailable as error:
            logger.warning("objects that were given up stay for now: %s", error)
        except Exception:  # one object that can't be deleted must not end the worker
            logger.exception("an object that was given up can't be deleted")
        await asyncio.sleep(EVERY)
