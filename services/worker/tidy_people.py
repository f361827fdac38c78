"""Finishing what the deletion of an account began, and forgetting what people did long ago."""

import asyncio
import logging
from datetime import timedelta

from contracts.errors import Unavailable
from contracts.principals import SYSTEM
from services.worker.ports import Clock, Departures, Expiring

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between rounds."""

BATCH = 100
"""Images that one transaction deletes."""

FORGET_AFTER = timedelta(hours=1)
"""How long the row of a deleted account stays: longer than any upload takes that began before."""


async def depart(*, departures: Departures, clock: Clock) -> int:
    """Deletes the images that are left of deleted accounts, and then the accounts' rows; gives the number of images.

    Also those of uploads that were under way when the account was deleted. Raises `Unavailable`.
    """
    deleted = 0
    for user_id in await departures.select_departing():
        while count := len((await departures.delete_images(user_id, BATCH, SYSTEM)).events):
            deleted += count
        await departures.forget(user_id, clock() - FORGET_AFTER)
    return deleted


async def tidy_people(
    keep_audit: timedelta, *, departures: Departures, credentials: Expiring, audit: Expiring, clock: Clock
) -> None:
    """Finishes deletions, and drops credentials that have expired and old entries of the log. Raises `Unavailable`."""
    if deleted := await depart(departures=departures, clock=clock):
        logger.info("%d images of deleted accounts were deleted", deleted)
    await credentials.prune(clock())
    await audit.prune(clock() - keep_audit)


async def keep_tidying_people(
    keep_audit: timedelta, *, departures: Departures, credentials: Expiring, audit: Expiring, clock: Clock
) -> None:
    """Tidies every ten seconds until cancelled."""
    while True:
        try:
            await tidy_people(keep_audit, departures=departures, credentials=credentials, audit=audit, clock=clock)
        except Unavailable as error:
            logger.warning("what people left can't be tidied: %s", error)
        await asyncio.sleep(EVERY)
