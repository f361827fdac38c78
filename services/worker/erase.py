"""Erasing images that are gone."""

import logging
from datetime import timedelta

from contracts.events import ImageEvent
from services.worker.ports import Clock, Ledger

logger = logging.getLogger(__name__)


async def erase(event: ImageEvent, *, grace: timedelta, ledger: Ledger, clock: Clock) -> None:
    """Removes an image's row and, when no other image has its blob, that one's too.

    The blob's objects are given up with the row and deleted when the `grace` is over: whoever was told of them a moment
    before the deletion can finish fetching them. Safe to repeat. Raises `Unavailable`.
    """
    await ledger.erase(event.image.id, event.image.blob.id, clock() + grace)


async def leave_behind(event: ImageEvent) -> None:
    """Says that objects stay behind: their rows remain too, and tell what is still to be erased."""
    logger.error("image %s could not be erased and is left behind", event.image.id)
