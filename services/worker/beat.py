"""Telling replicas, through the primary's log, how far the stream of events is."""

import asyncio
import logging

from contracts.errors import Unavailable
from services.worker.ports import Heartbeat, StreamPlace

logger = logging.getLogger(__name__)

EVERY = 0.5
"""Seconds between beats: as much of the stream is heard again by a read service that starts."""


async def beat(*, heartbeat: Heartbeat, place: StreamPlace) -> None:
    """Reads the end of the stream, then records it: the other way round it would say too much. Raises `Unavailable`."""
    stream, sequence = await place()
    await heartbeat.beat(stream, sequence)


async def keep_beating(*, heartbeat: Heartbeat, place: StreamPlace) -> None:
    """Beats twice a second until cancelled. Without the primary, or the stream, there is nothing to tell."""
    while True:
        try:
            await beat(heartbeat=heartbeat, place=place)
        except Unavailable as error:
            logger.debug("no heartbeat: %s", error)
        await asyncio.sleep(EVERY)
