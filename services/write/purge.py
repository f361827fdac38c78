"""Making a change final for caches before the gateway too."""

import asyncio
import logging

from contracts.errors import Unavailable
from contracts.events import Event, ImageEvent
from services.write.ports import Purge, Settle

logger = logging.getLogger(__name__)


async def settle_and_purge(
    event: Event, lsn: str, *, settle: Settle, purge: Purge, window: float, patience: float
) -> None:
    """Settles, then has the caches forget the image: when it returns they give nothing of it to anybody.

    A cache may have asked the gateway just before and keep the answer up to `window` seconds later, so that time has to
    pass first. One that doesn't say within `patience` seconds that it has forgotten holds nobody up: it is told by a
    worker, again and again. Never raises.
    """
    await settle(event, lsn)
    if not isinstance(event, ImageEvent):
        return
    await asyncio.sleep(window)
    try:
        async with asyncio.timeout(patience):
            await purge(str(event.image.id))
    except Unavailable as error:
        _warn(event, error.detail)
    except TimeoutError:
        _warn(event, f"not told within {patience:g} s")


def _warn(event: ImageEvent, reason: str) -> None:
    logger.warning("image %s may still be in a cache before the gateway: %s", event.image.id, reason)
