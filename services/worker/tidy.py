"""Periodic housekeeping of the outbox and of the quarantine."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from contracts.errors import Unavailable
from contracts.subjects import CONSUMERS
from infrastructure.telemetry import metrics
from services.worker.ports import Clock, OutboxKeeper, QuarantineKeeper

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between rounds."""

LONG_AGO = datetime.fromtimestamp(0, UTC)


async def tidy(keep_published: timedelta, *, outbox: OutboxKeeper, clock: Clock) -> None:
    """Measures what waits in the outbox and drops what was published long enough ago. Raises `Unavailable`."""
    metrics.outbox_pending.set(await outbox.pending())
    await outbox.prune(clock() - keep_published)


async def tidy_quarantine(*, shelf: QuarantineKeeper) -> None:
    """Lets go of what was done by other means, and measures what is left of each consumer. Raises `Unavailable`."""
    await shelf.prune()
    counts = await shelf.count()
    for consumer in CONSUMERS:
        metrics.quarantined_events.labels(consumer.name).set(counts.get(consumer.name, 0))


async def reconcile(after: datetime, before: datetime, *, outbox: OutboxKeeper) -> datetime:
    """Has events published again that came to nothing; gives where to go on, `before`. Raises `Unavailable`."""
    if revived := await outbox.reconcile(after, before):
        logger.warning("%d events came to nothing and are published again", revived)
    return before


async def keep_tidying(
    keep_published: timedelta,
    reconcile_after: timedelta,
    *,
    outbox: OutboxKeeper,
    shelf: QuarantineKeeper,
    clock: Clock,
) -> None:
    """Tidies every ten seconds until cancelled; events without effect after `reconcile_after` are published again."""
    reconciled = LONG_AGO
    while True:
        try:
            reconciled = await reconcile(reconciled, clock() - reconcile_after, outbox=outbox)
            await tidy(keep_published, outbox=outbox, clock=clock)
            await tidy_quarantine(shelf=shelf)
        except Unavailable as error:
            logger.warning("the outbox can't be tidied: %s", error)
        await asyncio.sleep(EVERY)
