"""Who may decode now."""

import asyncio

import pytest

from infrastructure.imaging.admission import Admission


class Work:
    """Pieces of work that end when they are told to; `running` says which have been let in."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.running: list[str] = []

    async def begin(self, name: str, weight: int = 1, *, urgent: bool = True) -> None:
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._work(name, weight, urgent=urgent))
        await settle()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks[name]
        await settle()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.gather(self._tasks[name], return_exceptions=True)
        await settle()

    async def _work(self, name: str, weight: int, *, urgent: bool) -> None:
        async with self._admission.admit(weight, urgent=urgent):
            self.running.append(name)
            await self._ends[name].wait()
            self.running.remove(name)


async def settle() -> None:
    """Lets everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places():
    """No more work is let in than there are places; the next comes in when one leaves."""
    work = Work(Admission(places=2, weight=100))
    for name in "abc":
        await work.begin(name)
    assert work.running == ["a", "b"]
    await work.end("a")
    assert work.running == ["b", "c"]


async def test_weight():
    """Heavy work waits until it fits, and nothing overtakes it."""
    work = Work(Admission(places=9, weight=10))
    await work.begin("heavy", 7)
    await work.begin("heavier", 8)
    await work.begin("light", 1)
    assert work.running == ["heavy"]
    await work.end("heavy")
    assert work.running == ["heavier", "light"]


async def test_too_heavy():
    """Work heavier than everything together is let in alone."""
    work = Work(Admission(places=9, weight=10))
    await work.begin("giant", 1000)
    await work.begin("light", 1)
    assert work.running == ["giant"]
    await work.end("giant")
    assert work.running == ["light"]


async def test_urgent():
    """Urgent work goes before the rest, which keeps its order."""
    work = Work(Admission(places=1, weight=10))
    await work.begin("first")
    await work.begin("bulk 1", urgent=False)
    await work.begin("bulk 2", urgent=False)
    await work.begin("urgent")
    for done, expected in [("first", "urgent"), ("urgent", "bulk 1"), ("bulk 1", "bulk 2")]:
        await work.end(done)
        assert work.running == [expected]


async def test_given_up():
    """Work that is given up leaves no gap, whether it waits or runs."""
    work = Work(Admission(places=1, weight=10))
    await work.begin("a")
    await work.begin("b")
    await work.begin("c")
    await work.cancel("b")
    assert work.running == ["a"]
    await work.cancel("a")
    assert work.running[-1] == "c"


async def test_given_up_at_the_moment_of_entry():
    """A place that was given to somebody who has just left is free again."""
    admission = Admission(places=1, weight=1)
    async with admission.admit(1, urgent=True):
        waiting = asyncio.create_task(enter(admission))
        await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(enter(admission), 1)


async def test_failure():
    """Work that fails gives back its place."""
    admission = Admission(places=1, weight=1)
    with pytest.raises(ZeroDivisionError):
        async with admission.admit(1, urgent=True):
            raise ZeroDivisionError
    await asyncio.wait_for(enter(admission), 1)


async def enter(admission: Admission) -> None:
    """Goes in and out."""
    async with admission.admit(1, urgent=True):
        pass
