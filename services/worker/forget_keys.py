"""Forgetting the keys of uploads that are not sent again any more."""

import asyncio
import logging
from datetime import timedelta

from contracts.errors import Unavailable
from services.worker.ports import Clock, IdempotencyKeys

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between rounds."""


async def keep_forgetting_keys(keep: timedelta, *, keys: IdempotencyKeys, clock: Clock) -> None:
    """Forgets keys some time after they were used, until cancelled."""
    while True:
        try:
            await keys.prune(clock() - keep)
        except Unavailable as error:
            logger.warning("idempotency keys can't be forgotten: %s", error)
        await asyncio.sleep(EVERY)
