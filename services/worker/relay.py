"""Carrying committed events from the outbox to the stream."""

import asyncio
import logging
from uuid import UUID

import msgspec

from contracts.errors import Unavailable
from contracts.events import Event, EventTooLarge, decode
from contracts.subjects import RELAY
from infrastructure.failpoints import failpoint
from services.worker.ports import Batch, Keeper, Outbox, OutboxRow, Publish

logger = logging.getLogger(__name__)

BATCH = 100
"""Rows claimed at once: enough to share a transaction, few enough to be published well within its time-outs."""

POLL = 1.0
"""Seconds between looks at the outbox when nobody wakes the relay: a notification can be lost with its connection."""

PAUSE = 0.5
"""Seconds before trying again when the primary or the stream is not there."""


class Unpublishable(msgspec.Struct, frozen=True):
    """An event that the stream will never take; `event` is None when it can't be decoded either."""

    id: UUID
    event: Event | None
    type: str
    payload: bytes
    reason: str
    consumer: str = RELAY
    attempts: int = 1


async def relay(*, outbox: Outbox, publish: Publish, keeper: Keeper) -> int:
    """Publishes what is pending, at most one batch; returns how many rows were claimed.

    Rows are marked after the stream has them. A crash in between publishes them again, under the same
    message id. What the stream will never take goes into the quarantine and is passed over from then on. When one can't
    be published for another reason the others of the batch are still marked; then the error is raised.
    """
    async with outbox.claim(BATCH) as batch:
        rows = batch.rows
        results = await asyncio.gather(*(publish(row) for row in rows), return_exceptions=True)
        if rows:
            await failpoint("relay.before_mark")
        answers = list(zip(rows, results, strict=True))
        await batch.mark_published([row.id for row, result in answers if result is None])
        await _set_aside([(row, result) for row, result in answers if isinstance(result, EventTooLarge)], batch, keeper)
    for result in results:
        if result is not None and not isinstance(result, EventTooLarge):
            raise result
    return len(rows)


async def _set_aside(hopeless: list[tuple[OutboxRow, EventTooLarge]], batch: Batch, keeper: Keeper) -> None:
    for row, error in hopeless:
        logger.error("event %s will never be in the stream: %s", row.id, error)
        await keeper.insert(Unpublishable(row.id, _decoded(row.payload), row.type, row.payload, str(error)))
    await batch.set_aside([row.id for row, _ in hopeless])


def _decoded(payload: bytes) -> Event | None:
    try:
        return decode(payload)
    except msgspec.DecodeError:
        return None


async def keep_relaying(wake: asyncio.Event, *, outbox: Outbox, publish: Publish, keeper: Keeper) -> None:
    """Relays whenever woken, and every `POLL` seconds in any case, until cancelled."""
    while True:
        wake.clear()
        try:
            while await relay(outbox=outbox, publish=publish, keeper=keeper) == BATCH:
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
