"""Ending tasks for certain."""

import asyncio
from typing import Any

AGAIN = 1.5
"""Seconds for a task's own clean-up before it is asked again."""


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks until they have ended.

    Once is not enough: in Python 3.11 `asyncio.wait_for`, which the driver is full of, swallows a
    cancellation that arrives together with the result it waits for.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN)
