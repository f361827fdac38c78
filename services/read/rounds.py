"""One question for all who ask at the same time, and never an answer from before one of them asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Rounds(Generic[T]):
    """Asks again and again, one question after the other; who comes while one is under way waits for the next."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        """`ask` has a deadline of its own."""
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def answer(self) -> T:
        """What a question gives, or raises, that is asked after this was called."""
        if self._next is None:
            self._next = asyncio.create_task(self._round(self._asking))
            self._next.add_done_callback(_look_at)
        return await asyncio.shield(self._next)

    async def _round(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait((before,))
        self._asking, self._next = self._next, None
        return await self._ask()


def _look_at(task: asyncio.Task[T]) -> None:
    if not task.cancelled():
        task.exception()  # or an error nobody waits for any more would be reported as lost
