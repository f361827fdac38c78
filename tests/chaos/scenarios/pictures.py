"""Pictures that mean no good."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from statistics import median

import aiohttp

from tests.chaos.calls import IMAGES
from tests.chaos.hostile import files
from tests.chaos.workload import Pace
from tests.chaos.world import World, scenario
from tests.pictures import jpeg

RATE = 25
"""Hostile files a second, about half of what two cores could take in and render: in 400 seconds 10,000."""
AT_ONCE = 8
SAMPLES = 12
"""Good pictures that tell the usual time."""
MOST = 2.0
"""A good picture may take so many times as long while hostile ones come."""
SETTLED = 120.0
"""Seconds in which everything that was taken in has to be decided."""


@scenario(seconds=400, quick=40, pace=Pace(persons=1, readers=1, listers=1, think=0.5))
async def fuzz(world: World) -> None:
    """Good files changed at random, and bombs, 25 a second: nobody dies, and others wait at most twice as long."""
    before = await _pids(world)
    async with _session(world) as session:
        usual = [await _becomes_ready(session) for _ in range(SAMPLES)]
        with world.fault("hostile files"):
            attack = asyncio.create_task(_attack(world, session))
            try:
                meanwhile = await _ready_times(session, until=attack)
                taken = await attack
            finally:
                attack.cancel()
        await _all_settle(world, session, taken)
        await _forget(session, taken)
    ratio = median(meanwhile) / median(usual)
    world.remarks += [
        f"{len(taken)} of {round(RATE * world.seconds)} hostile files were taken in",
        f"{len(meanwhile)} good ones meanwhile became ready in {1e3 * median(meanwhile):.0f} ms, "
        f"usually {1e3 * median(usual):.0f} ms: {ratio:.2f} times",
    ]
    if ratio > MOST:
        world.violated("B", f"good pictures took {ratio:.1f} times as long as usual")
    if await _pids(world) != before:
        world.violated("B", "a process died of a picture")


@asynccontextmanager
async def _session(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(world.stack.url, timeout=timeout) as session:
        yield session


async def _pids(world: World) -> dict[str, int]:
    return {process["name"]: process["pid"] for process in (await world.stack.look())["processes"]}


async def _becomes_ready(session: aiohttp.ClientSession) -> float:
    """Seconds from an upload to `ready`, as its uploader sees it; the picture is deleted then."""
    began = time.monotonic()
    status, answer = await _upload(session, jpeg(1200, 900))
    assert status == 201, answer
    while (await _view(session, answer["id"])).get("status") != "ready":
        assert time.monotonic() < began + SETTLED, "a good picture doesn't become ready"
        await asyncio.sleep(0.005)
    took = time.monotonic() - began
    await _forget(session, [(answer["id"], answer["delete_token"])])
    return took


async def _ready_times(session: aiohttp.ClientSession, *, until: asyncio.Task[list[tuple[str, str]]]) -> list[float]:
    times = []
    while not until.done():
        times.append(await _becomes_ready(session))
    return times


async def _attack(world: World, session: aiohttp.ClientSession) -> list[tuple[str, str]]:
    """Sends hostile files at a steady rate; gives id and token of those that were taken in."""
    taken: list[tuple[str, str]] = []
    places = asyncio.Semaphore(AT_ONCE)

    async def send(data: bytes) -> None:
        async with places:
            status, answer = await _upload(session, data)
        if status == 201:
            taken.append((answer["id"], answer["delete_token"]))
        elif status not in (400, 413):
            world.violated("B", f"a hostile file was answered with {status}: {answer}")

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, data in enumerate(itertools.islice(files(world.rng), round(RATE * world.seconds))):
            await asyncio.sleep(began + number / RATE - time.monotonic())
            async with places:
                group.create_task(send(data))
    return taken


async def _all_settle(world: World, session: aiohttp.ClientSession, taken: Iterable[tuple[str, str]]) -> None:
    """Everything that was taken in is ready or failed; no job is stuck."""
    deadline = time.monotonic() + SETTLED
    for image, _ in taken:
        while (await _view(session, image)).get("status") not in ("ready", "failed"):
            if time.monotonic() > deadline:
                world.violated("B", f"image {image} is neither ready nor failed")
                return
            await asyncio.sleep(0.05)


async def _forget(session: aiohttp.ClientSession, taken: Iterable[tuple[str, str]]) -> None:
    for image, token in taken:
        async with session.delete(f"{IMAGES}/{image}", headers={"X-Delete-Token": token}) as answer:
            assert answer.status == 204, await answer.text()


async def _upload(session: aiohttp.ClientSession, data: bytes) -> tuple[int, dict]:
    form = aiohttp.FormData()
    form.add_field("file", data, filename="a.jpg")
    form.add_field("visibility", "unlisted")  # the workload's lists are checked: everything in them is its own
    async with session.post(f"{IMAGES}/upload", data=form) as answer:
        return answer.status, await answer.json(content_type=None)


async def _view(session: aiohttp.ClientSession, image: str) -> dict:
    async with session.get(f"{IMAGES}/{image}") as answer:
        return await answer.json(content_type=None)
