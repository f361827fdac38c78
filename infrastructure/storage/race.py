"""Calls to several shards at once: enough of them must succeed, and nobody waits for the slow one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from contracts.errors import Unavailable

T = TypeVar("T")

_LAPSES = 2


class Outcome(msgspec.Struct, Generic[T], frozen=True):
    """What came back from each shard, in the order they were asked."""

    done: dict[str, T]
    failed: dict[str, Unavailable]


class Race(Generic[T]):
    """Asks shards until `wanted` have answered.

    1. As many of the candidates as are wanted are asked at once.
    2. For one that fails, the next candidate is asked in its place.
    3. When nothing happens for `patience` seconds, those asked so far are late, which is told: the
       next candidates are asked as well, and whoever answers first counts. This happens twice at
       most: if everything is slow, asking more shards makes it slower.
    4. When no candidate is left, late ones are waited for only while fewer than `enough` have answered.
    5. Whoever has not answered by then is given up; a late one of them was overtaken, which is told.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[T]],
        candidates: Iterator[str],
        *,
        patience: float,
        on_late: Callable[[str], None],
        on_overtaken: Callable[[str], None],
    ) -> None:
        """`ask` raises `Unavailable` for a failure; any other error ends the race and is raised."""
        self._ask = ask
        self._candidates = candidates
        self._patience = patience
        self._on_late = on_late
        self._on_overtaken = on_overtaken
        self._lapses = 0
        self._names: dict[asyncio.Task[T], str] = {}
        self._prompt: set[asyncio.Task[T]] = set()
        self._late: set[asyncio.Task[T]] = set()
        self._done: dict[str, T] = {}
        self._failed: dict[str, Unavailable] = {}

    async def run(self, *, wanted: int, enough: int) -> Outcome[T]:
        """Who answered and who failed; those given up are in neither."""
        try:
            while len(self._done) < wanted:
                self._start(wanted - len(self._done) - len(self._prompt))  # 1, 2
                if not self._prompt and (not self._late or len(self._done) >= enough):  # 4
                    break
                await self._step()
            for task in self._late:  # 5
                self._on_overtaken(self._names[task])
        finally:
            await self._give_up()
        return Outcome({n: self._done[n] for n in self._names.values() if n in self._done}, self._failed)

    def _start(self, count: int) -> None:
        for name in islice(self._candidates, max(count, 0)):
            task = asyncio.ensure_future(self._ask(name))
            self._names[task] = name
            self._prompt.add(task)

    async def _step(self) -> None:
        timeout = self._patience if self._prompt and self._lapses < _LAPSES else None
        asked = self._prompt | self._late
        finished, _ = await asyncio.wait(asked, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            self._take(task)
        if not finished:  # 3
            self._lapses += 1
            for task in self._prompt:
                self._on_late(self._names[task])
            self._late = asked
            self._prompt = set()

    def _take(self, task: asyncio.Task[T]) -> None:
        self._prompt.discard(task)
        self._late.discard(task)
        try:
            self._done[self._names[task]] = task.result()
        except Unavailable as error:
            self._failed[self._names[task]] = error

    async def _give_up(self) -> None:
        rest = self._prompt | self._late
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
