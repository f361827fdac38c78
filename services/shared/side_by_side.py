"""The same work several times at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def side_by_side(width: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs `width` of them to their end. Raises the first error itself, not as one of a group; then all are ended."""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
