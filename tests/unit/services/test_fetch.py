"""Objects in hand are bounded, and whoever waits for room gets it or is told."""

import asyncio
import random

import pytest

from contracts.errors import ObjectMissing, Unavailable
from services.read import fetch as module
from services.read.fetch import Budget, Wanted, fetch
from tests.eventually import becomes

WANTED = Wanted("k", ("one", "two"), 60, "ab")


class Shards:
    """Gives what it is told, and notes what it was asked."""

    def __init__(self, result=b"bytes"):
        self.result = result
        self.asked = []

    async def get(self, key, placement, *, sha256, size):
        self.asked.append((key, placement, sha256, size))
        if isinstance(self.result, Exception):
            raise self.result
        if isinstance(self.result, asyncio.Event):
            await self.result.wait()
        return b"bytes"


async def test_the_object_must_be_what_was_recorded():
    """By checksum and size, or by size alone where there is no checksum."""
    objects = Shards()
    for sha256 in ("ab", ""):
        wanted = Wanted("k", ("one", "two"), 60, sha256)
        async with fetch(wanted, objects=objects, budget=Budget(100)) as data:
            assert data == b"bytes"
    assert objects.asked == [("k", ("one", "two"), "ab", 60), ("k", ("one", "two"), None, 60)]


async def test_room_is_given_back_whatever_happens():
    """A failure holds nothing."""
    budget = Budget(60)
    for _ in range(3):
        with pytest.raises(ObjectMissing):
            async with fetch(WANTED, objects=Shards(ObjectMissing()), budget=budget):
                pass
    async with fetch(WANTED, objects=Shards(), budget=budget):
        pass


async def test_who_finds_no_room_waits():
    """Until somebody has sent what they had in hand."""
    budget, objects, sent = Budget(100), Shards(), asyncio.Event()

    async def send():
        async with fetch(WANTED, objects=objects, budget=budget):
            await sent.wait()

    sending = [asyncio.create_task(send()) for _ in range(3)]
    await becomes(lambda: len(objects.asked), 1)
    sent.set()
    await asyncio.gather(*sending)
    assert len(objects.asked) == 3


async def test_who_goes_at_the_moment_he_gets_room_leaves_it_to_the_next():
    """Nobody waits for room that nobody has."""
    budget, first = Budget(100), asyncio.Event()

    async def hold(until):
        async with budget.room(60):
            await until.wait()

    holding = asyncio.create_task(hold(first))
    await asyncio.sleep(0)
    line = [asyncio.create_task(hold(asyncio.Event())) for _ in range(3)]
    await asyncio.sleep(0)
    first.set()
    holding.add_done_callback(lambda _: line[0].cancel())
    await holding
    for each in line[:-1]:
        each.cancel()
        async with asyncio.timeout(60):
            await asyncio.wait([each])
    line[-1].cancel()
    await asyncio.wait(line)
    async with asyncio.timeout(60), budget.room(100):
        pass


async def test_however_many_come_and_go_all_room_is_given_back():
    """In any order, whoever is cancelled and whenever."""
    for seed in range(50):
        rng, budget = random.Random(seed), Budget(100)

        async def visit(size, ticks, budget=budget):
            async with budget.room(size):
                for _ in range(ticks):
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(visit(rng.choice((10, 60, 100, 300)), rng.randrange(4))) for _ in range(30)]
        for _ in range(40):
            await asyncio.sleep(0)
            for each in rng.sample(tasks[1:], rng.choice((0, 0, 3, 10))):
                each.cancel()
        _, waiting = await asyncio.wait(tasks, timeout=60)
        assert not waiting, seed
        async with asyncio.timeout(60), budget.room(100):
            pass


async def test_an_object_larger_than_all_room_is_alone():
    """Or it could never be had."""
    async with fetch(Wanted("k", ("one",), 1000, ""), objects=Shards(), budget=Budget(100)) as data:
        assert data == b"bytes"


async def test_nobody_waits_for_ever(monkeypatch):
    """Neither for room nor for a shard; sending takes as long as it takes."""
    monkeypatch.setattr(module, "DEADLINE", 0.05)
    with pytest.raises(Unavailable):
        async with fetch(WANTED, objects=Shards(asyncio.Event()), budget=Budget(100)):
            pass
    async with fetch(WANTED, objects=Shards(), budget=Budget(100)):
        await asyncio.sleep(0.1)
