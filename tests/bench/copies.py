"""Rebalancing and scrubbing, each beside a bare loop over the same objects on the same shards.

All move every original and thumbnail between two pairs of shards and back again, as many blobs at a time. The bare
loop gets an object and puts its copies; it keeps no rows and never looks at what it put. What ours reaches
of a loop that gets and hashes each of its copies too is told beside it. The bare scrub gets every copy and hashes it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import cycle
from uuid import UUID, uuid4

import msgspec
import uvloop

from contracts.images import Blob
from infrastructure import env
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.moves import Moves
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.primary import Primary, open_primary
from infrastructure.postgres.walks import Walks
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.open import Storage, open_storage
from services.shared.clock import utc_now
from services.worker.care.rebalance import WIDTH, Hands, rebalance
from services.worker.care.scrub import Verify, scrub
from services.worker.care.stored import Stored, objects_of
from services.worker.pace import Pace
from tests.bench.figures import Figure
from tests.bench.plan import Plan
from tests.bench.spoilt import Spoilt
from tests.bench.stats import ratio

TARGET = 0.8
PAIRS = (("shard-1", "shard-2"), ("shard-3", "shard-4"))


class Loops(msgspec.Struct):
    """The loops, each giving the bytes that it moved or read."""

    storage: Storage
    placements: Placements
    walks: Walks
    hands: Hands
    verify: Verify
    turns: "cycle[tuple[str, str]]"
    where: tuple[str, str] = PAIRS[0]

    async def rebalance(self) -> int:
        """Everything to the other pair of shards."""
        self.where = next(self.turns)
        tools = {"placements": self.placements, "walks": self.walks, "hands": self.hands}
        return (await rebalance(1, resume=False, owners=lambda _: self.where, **tools)).bytes

    async def copy(self) -> int:
        """The same objects to the other pair, by a bare loop; the rows know nothing of it."""
        return await self._copy(self._put)

    async def copy_and_read_back(self) -> int:
        """`copy`, and every copy that was made is read and hashed."""

        async def put(name: str, stored: Stored, data: bytes) -> None:
            await self._put(name, stored, data)
            if not await stored.is_right_soon(await self.storage.shards[name].get(stored.key)):
                raise Spoilt("a shard gives back other bytes than were put")

        return await self._copy(put)

    async def _put(self, name: str, stored: Stored, data: bytes) -> None:
        await self.storage.shards[name].put(stored.key, memoryview(data), stored.content_type)

    async def _copy(self, put: "Callable[[str, Stored, bytes], Awaitable[None]]") -> int:
        others = PAIRS[PAIRS[0] == self.where]

        async def one(stored: Stored) -> int:
            data = await self.storage.shards[stored.placement[0]].get(stored.key)
            await asyncio.gather(*(put(name, stored, data) for name in others))
            return len(data) * len(others)

        async def all_of(blob: Blob) -> int:
            return sum(await asyncio.gather(*map(one, objects_of(blob))))

        return await self._each(all_of)

    async def scrub(self) -> int:
        """Every copy."""
        done = await scrub(timedelta(0), placements=self.placements, verify=self.verify, clock=utc_now)
        return done.bytes

    async def hash(self) -> int:
        """Every copy, by a bare loop, one after the other of a blob."""

        async def all_of(blob: Blob) -> int:
            size = 0
            for stored in objects_of(blob):
                for name in stored.placement:
                    data = await self.storage.shards[name].get(stored.key)
                    await stored.is_right_soon(data)
                    size += len(data)
            return size

        return await self._each(all_of)

    async def _each(self, work: Callable[[Blob], Awaitable[int]]) -> int:
        gate = asyncio.Semaphore(WIDTH)

        async def one(blob: Blob) -> int:
            async with gate:
                return await work(blob)

        return sum(await asyncio.gather(*map(one, await self.placements.page(UUID(int=0), 1000))))


def measure_rebalance(plan: Plan) -> Figure:
    """By the clock: all wait for the same store."""
    ours, bare, reading_back = uvloop.run(
        _measure(plan, lambda loops: (loops.rebalance, loops.copy, loops.copy_and_read_back))
    )
    return Figure(
        name="Rebalance",
        against="a bare copy loop, which verifies nothing",
        ratio=ratio(ours, bare),
        target=TARGET,
        remarks=(f"Against a loop that reads back and hashes what it put {ratio(ours, reading_back).median:.2f}.",),
    )


def measure_scrub(plan: Plan) -> Figure:
    """By the clock: both wait for the same store."""
    rates = uvloop.run(_measure(plan, lambda loops: (loops.scrub, loops.hash)))
    return Figure(name="Scrub", against="a bare read-and-hash loop", ratio=ratio(*rates), target=TARGET)


Way = Callable[[], Awaitable[int]]


async def _measure(plan: Plan, ways: Callable[[Loops], tuple[Way, ...]]) -> list[list[float]]:
    environment = plan.stack.environment("worker-1")
    async with AsyncExitStack() as rooms:
        primary = await rooms.enter_async_context(open_primary(env.read(PrimaryConfig, environment)))
        storage = await rooms.enter_async_context(open_storage(env.read(StorageConfig, environment)))
        loops = _loops(primary, storage)
        await loops.rebalance()
        return await _compare(ways(loops), plan)


def _loops(primary: Primary, storage: Storage) -> Loops:
    placements = Placements(primary)
    moves = Moves(primary, clock=utc_now, new_id=uuid4)
    pace = Pace(None, clock=time.monotonic)
    hands = Hands(copies=storage.copies, moves=moves, pace=pace, clock=utc_now, grace=timedelta(hours=1))
    verify = Verify(
        placements=placements,
        owners=lambda key: tuple(PAIRS[0]),
        listed=lambda: set(storage.listed),
        hands=hands,
    )
    return Loops(storage, placements, Walks(primary), hands, verify, cycle(reversed(PAIRS)))


async def _compare(ways: tuple[Way, ...], plan: Plan) -> list[list[float]]:
    """Bytes a second of each, in turn."""
    rates: list[list[float]] = [[] for _ in ways]
    for _ in range(plan.rounds):
        for way, rate in zip(ways, rates, strict=True):
            began = time.perf_counter()
            size = await way()
            rate.append(size / (time.perf_counter() - began))
        plan.done()
    return rates
