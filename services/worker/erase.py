"""Erasing the objects of images that are gone."""

import asyncio
import logging

from contracts.events import ImageEvent
from infrastructure.failpoints import failpoint
from services.worker.ports import Ledger, Objects

logger = logging.getLogger(__name__)


async def erase(event: ImageEvent, *, objects: Objects, ledger: Ledger) -> None:
    """Deletes a blob's objects, then its rows, once no image needs it.

    Objects go before rows: a crash in between leaves rows that say what is still to be done, and deleting what is
    not there is success. The ledger is asked again at the end, under a lock: when derivatives were recorded
    meanwhile, their objects go too. Raises `Unavailable`.
    """
    while blob := await ledger.select_unwanted(event.image.blob.id):
        stored = [(blob.key, blob.placement), *((made.key, made.placement) for made in blob.derivatives)]
        await asyncio.gather(*(objects.delete(key, placement) for key, placement in stored))
        await failpoint("erase.before_row")
        if await ledger.erase(blob):
            return


async def leave_behind(event: ImageEvent) -> None:
    """Says that objects stay behind: their rows remain too, and tell what is still to be erased."""
    logger.error("objects of blob %s could not be erased and are left behind", event.image.blob.id)
