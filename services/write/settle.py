"""Making a change final: nobody can be shown any more what it took away."""

import asyncio
import logging

from contracts.errors import Unavailable
from contracts.events import Event
from infrastructure.telemetry import metrics
from services.write.ports import Audience, Recorded, Settle

logger = logging.getLogger(__name__)


async def settle(event: Event, lsn: str, *, audience: Audience, lease: float) -> None:
    """Returns when no read service can answer any more as if `event`, committed at `lsn`, had not happened.

    Each has applied the event, or does not hold a lease any more, which lasts `lease` seconds. While NATS is away
    no event arrives and no lease is renewed: once the leases have run out, read services show only what is as new as
    the primary was when they were asked, and none gets a lease again before it has heard from the primary what
    was not sent. It never raises, and takes a few milliseconds when all is well, else no longer than two or three
    leases. A caller who is cancelled leaves the event to the relay.
    """
    try:
        how = await audience.tell(event, lsn)
    except Unavailable as error:
        logger.warning("event %s can't be told to the read services: %s", event.id, error)
        how = await _in_the_dark(event, lsn, audience, lease)
    metrics.changes_settled.labels(how).inc()


async def settle_all(recorded: Recorded, *, settle: Settle) -> str:
    """Settles every event of one commit, side by side; gives the position of the commit."""
    await asyncio.gather(*(settle(event, recorded.lsn) for event in recorded.events))
    return recorded.lsn


async def _in_the_dark(event: Event, lsn: str, audience: Audience, lease: float) -> str:
    """After NATS was lost: tells once more if it comes back before leases run out, else waits until they have."""
    clock = asyncio.get_running_loop().time
    end = clock() + lease
    try:
        async with asyncio.timeout_at(end):
            await audience.restored()
        return await audience.tell(event, lsn)
    except (TimeoutError, Unavailable):
        await asyncio.sleep(max(0.0, end - clock()))
    return "outwaited"
