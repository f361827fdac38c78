"""Deleting images whose time is over. For readers they are gone already; this has them erased."""

import asyncio
import logging
from contextlib import suppress

from contracts.errors import ImageNotFound, Unavailable
from contracts.principals import SYSTEM
from services.worker.ports import Clock, Expirations, Stored

logger = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between rounds."""

BATCH = 100
"""Images looked for at a time."""


async def expire(*, expirations: Expirations, clock: Clock) -> int:
    """Deletes them, one transaction each, and gives how many. Raises `Unavailable`."""

    def decide(stored: Stored) -> None:
        if not stored.image.is_expired(clock()):
            raise ImageNotFound  # its end was put off since it was looked for

    deleted = 0
    while True:
        ids = await expirations.select_expired(clock(), BATCH)
        for image_id in ids:
            with suppress(ImageNotFound):
                await expirations.delete(image_id, decide, by=SYSTEM)
                deleted += 1
        if len(ids) < BATCH:
            return deleted


async def keep_expiring(*, expirations: Expirations, clock: Clock) -> None:
    """Looks every five seconds until cancelled."""
    while True:
        try:
            if deleted := await expire(expirations=expirations, clock=clock):
                logger.info("%d images were deleted because their time was over", deleted)
        except Unavailable as error:
            logger.warning("images can't be deleted whose time is over: %s", error)
        await asyncio.sleep(EVERY)
