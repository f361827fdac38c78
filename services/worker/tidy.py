"""Periodic housekeeping of the outbox."""

import asyncio
import logging
from datetime import timedelta

from contracts.errors import Unavailable
from infrastructure.telemetry import metrics
from services.worker.ports import Clock, OutboxKeeper

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between rounds."""


async def tidy(keep_published: timedelta, *, outbox: OutboxKeeper, clock: Clock) -> None:
    """Measures what waits in the outbox and drops what was published long enough ago. Raises `Unavailable`."""
    metrics.outbox_pending.set(await outbox.pending())
    await outbox.prune(clock() - keep_published)


async def keep_tidying(keep_published: timedelta, *, outbox: OutboxKeeper, clock: Clock) -> None:
    """Tidies every ten seconds until cancelled."""
    while True:
        try:
            await tidy(keep_published, outbox=outbox, clock=clock)
        except Unavailable as error:
            logger.warning("the outbox can't be tidied: %s", error)
        await asyncio.sleep(EVERY)
