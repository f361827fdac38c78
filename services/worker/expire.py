"""Deleting images for good whose time is over, or that were in the trash for long enough.

For readers they are gone already; this has them erased.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from contracts.errors import ImageNotFound, Unavailable
from contracts.images import Image
from contracts.principals import SYSTEM, Principal
from services.worker.ports import Clock

logger = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between rounds."""

BATCH = 100
"""Images looked for at a time."""


class Stored(Protocol):
    """An image as it stands on the primary."""

    @property
    def image(self) -> Image: ...


class Expirations(Protocol):
    """Images that have an end or are in the trash, and how they are deleted. Raises `Unavailable`."""

    async def select_over(self, now: datetime, emptied: datetime, limit: int) -> Sequence[UUID]:
        """Some that expired until `now`, or came into the trash until `emptied`; of either kind at most `limit`."""
        ...

    async def delete(self, image_id: UUID, decide: Callable[[Stored], None], *, by: Principal) -> object:
        """Raises `ImageNotFound`, or what `decide` raises."""
        ...


def is_over(image: Image, now: datetime, trash: timedelta) -> bool:
    """Whether nobody can see or restore an image any more."""
    return image.is_expired(now) or (image.trashed_at is not None and image.trashed_at <= now - trash)


async def expire(trash: timedelta, *, expirations: Expirations, clock: Clock) -> int:
    """Deletes them, one transaction each, and gives how many; images stay in the trash for `trash`.

    Whoever locks the row first decides whether an image is restored or deleted. Raises `Unavailable`.
    """

    def decide(stored: Stored) -> None:
        if not is_over(stored.image, clock(), trash):
            raise ImageNotFound  # its end was put off, or it was restored, since it was looked for

    deleted = 0
    while True:
        now = clock()
        ids = await expirations.select_over(now, now - trash, BATCH)
        for image_id in ids:
            with suppress(ImageNotFound):
                await expirations.delete(image_id, decide, by=SYSTEM)
                deleted += 1
        if len(ids) < BATCH:
            return deleted


async def keep_expiring(trash: timedelta, *, expirations: Expirations, clock: Clock) -> None:
    """Looks every five seconds until cancelled."""
    while True:
        try:
            if deleted := await expire(trash, expirations=expirations, clock=clock):
                logger.info("%d images were deleted because their time was over", deleted)
        except Unavailable as error:
            logger.warning("images can't be deleted whose time is over: %s", error)
        except Exception:  # one image that can't be deleted must not end the worker
            logger.exception("an image can't be deleted whose time is over")
        await asyncio.sleep(EVERY)
