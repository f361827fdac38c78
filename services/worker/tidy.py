"""Periodic housekeeping of the outbox and of the quarantine."""

import asyncio
import logging
from datetime import datetime, timedelta

from contracts.errors import Unavailable
from contracts.subjects import CONSUMERS, RELAY
from infrastructure.telemetry import metrics
from services.worker.ports import Clock, OutboxKeeper, QuarantineKeeper, Reconciler

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between rounds, at most."""


async def tidy(keep_published: timedelta, *, outbox: OutboxKeeper, clock: Clock) -> None:
    """Measures what waits in the outbox and drops what was published long enough ago. Raises `Unavailable`."""
    metrics.outbox_pending.set(await outbox.pending())
    await outbox.prune(clock() - keep_published)


async def tidy_quarantine(max_age: timedelta, *, shelf: QuarantineKeeper, clock: Clock) -> None:
    """Lets go of what has become pointless, and measures what is left of each consumer. Raises `Unavailable`.

    Caches need not be told any more when as much time has passed as they may keep an answer, `max_age`.
    """
    await shelf.prune(clock() - max_age)
    counts = await shelf.count()
    for name in (RELAY, *(consumer.name for consumer in CONSUMERS)):
        metrics.quarantined_events.labels(name).set(counts.get(name, 0))


async def reconcile(before: datetime, *, reconciler: Reconciler) -> None:
    """Has work asked for again that has waited since before a time. Raises `Unavailable`."""
    if revived := await reconciler.round(before):
        metrics.events_revived.inc(revived)
        logger.warning("%d events came to nothing and are published again", revived)


async def keep_tidying(
    keep_published: timedelta,
    reconcile_after: timedelta,
    max_age: timedelta,
    *,
    outbox: OutboxKeeper,
    shelf: QuarantineKeeper,
    reconciler: Reconciler,
    clock: Clock,
) -> None:
    """Tidies every ten seconds until cancelled, or more often where work is soon taken for undone.

    What was published stays at least until it is clear whether it came to nothing.
    """
    keep = max(keep_published, reconcile_after)
    while True:
        try:
            await reconcile(clock() - reconcile_after, reconciler=reconciler)
            await tidy(keep, outbox=outbox, clock=clock)
            await tidy_quarantine(max_age, shelf=shelf, clock=clock)
        except Unavailable as error:
            logger.warning("the outbox can't be tidied: %s", error)
        await asyncio.sleep(min(EVERY, reconcile_after.total_seconds() / 2))
