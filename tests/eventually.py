"""Awaiting an effect: the assertion is tried again until it holds or the deadline has passed."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

LONGEST_PAUSE = 0.25
"""Seconds between tries, in the end: looking costs the same cores as what is awaited."""


async def eventually(assertion: Callable[[], Any], *, within: float = 120.0) -> Any:
    """What the assertion gives when it holds; raises its own error when it has not held once in `within` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    pause = 0.005
    while True:
        try:
            result = assertion()
            return await result if inspect.isawaitable(result) else result
        except AssertionError:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE)


async def becomes(read: Callable[[], Any], wanted: Any, *, within: float = 120.0) -> None:
    """Waits until `read()` gives what is wanted."""

    def equal() -> None:
        assert read() == wanted

    await eventually(equal, within=within)
