"""Having caches before the gateway forget images that have changed."""

import logging

from contracts.events import ImageEvent
from services.worker.ports import Purge

logger = logging.getLogger(__name__)


async def purge(event: ImageEvent, attempt: int, *, forget: Purge) -> bool:
    """Whether that is all: the first time it is to be repeated a little later.

    A read service may not have heard of the event yet, or the answer of one be on its way into a cache. The write
    service has waited for both before it answered; this is for what it could not finish. Raises `Unavailable`.
    """
    await forget(str(event.image.id))
    return attempt > 1


async def leave_cached(event: ImageEvent) -> None:
    """Says that a cache may go on giving out an image until the time that its answers named is over."""
    logger.error("a cache before the gateway was not told of image %s", event.image.id)
