"""Carrying committed events from the outbox to the stream."""

import asyncio
import logging

from contracts.errors import Unavailable
from infrastructure.failpoints import failpoint
from services.worker.ports import Outbox, Publish

logger = logging.getLogger(__name__)

BATCH = 100
"""Rows claimed at once: enough to share a transaction, few enough to be published well within its time-outs."""

POLL = 1.0
"""Seconds between looks at the outbox when nobody wakes the relay: a notification can be lost with its connection."""

PAUSE = 0.5
"""Seconds before trying again when the primary or the stream is not there."""


async def relay(*, outbox: Outbox, publish: Publish) -> int:
    """Publishes what is pending, at most one batch; returns how many rows were claimed.

    Rows are marked after the stream has them. A crash in between publishes them again, under the same
    message id. When one can't be published the others of the batch are still marked; then the error is raised.
    """
    async with outbox.claim(BATCH) as batch:
        rows = batch.rows
        results = await asyncio.gather(*(publish(row) for row in rows), return_exceptions=True)
        if rows:
            await failpoint("relay.before_mark")
        await batch.mark_published([row.id for row, result in zip(rows, results, strict=True) if result is None])
    for result in results:
        if result is not None:
            raise result
    return len(rows)


async def keep_relaying(wake: asyncio.Event, *, outbox: Outbox, publish: Publish) -> None:
    """Relays whenever woken, and every `POLL` seconds in any case, until cancelled."""
    while True:
        wake.clear()
        try:
            while await relay(outbox=outbox, publish=publish) == BATCH:
                pass
        except Unavailable as error:
            logger.warning("events wait in the outbox: %s", error)
            await asyncio.sleep(PAUSE)
            continue
        except Exception:  # one event that can't be published must not hold up all others for ever
            logger.exception("an event can't be published")
        try:
            async with asyncio.timeout(POLL):
                await wake.wait()
        except TimeoutError:
            continue
