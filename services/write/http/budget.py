"""The time that one change may take, whatever it waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.errors import OutcomeUnknown

BUDGET = 9.0
"""Seconds from when the request is there. The gateway gives up after ten, and can't say that it may have been done."""


@asynccontextmanager
async def budget(seconds: float | None = None) -> AsyncIterator[None]:
    """Ends whatever the block waits for when the time is over, except a COMMIT that was sent: its answer is awaited.

    The time is `BUDGET` where none is given. Raises `OutcomeUnknown` then. Everything inside has deadlines of its own;
    this one is over their sum.
    """
    try:
        async with asyncio.timeout(BUDGET if seconds is None else seconds) as limit:
            yield
    except TimeoutError as error:
        if limit.expired():
            raise OutcomeUnknown from error
        raise
