"""Uploads that nobody sees the end of."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from statistics import median

import aiohttp

from tests.chaos.calls import IMAGES
from tests.chaos.world import READS_GO_ON, Pace, World, scenario
from tests.pictures import noise

UPLOADS = 1000
AT_ONCE = 8
SAMPLES = 10
"""Whole uploads that tell the usual time, up to half as long again as which the others get."""
DEATHS = 5
"""Of the write service, meanwhile: then it is the server that breaks off."""
SLOW = 0.3
"""Part of the uploads that stop in the middle of their body."""


@scenario(seconds=30, promises=(READS_GO_ON,), pace=Pace(persons=1, readers=2, listers=1, think=0.2))
async def uploads_aborted(world: World) -> None:
    """A thousand uploads are aborted at random moments, the write service dies five times: no stray object is left."""
    targets = (world.stack.url, world.stack.facts["endpoints"]["services"]["write-1"])
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        usual = median([await _whole(session, targets[0], world.rng) for _ in range(SAMPLES)])
        with world.fault("uploads are aborted"):
            deaths = asyncio.create_task(_deaths(world))
            ended = await _abort_all(world, session, targets, usual)
            await deaths
    strays = json.loads(await world.stack.command("sweep", "--dry-run", "--older-than", "0", "--json"))
    world.remarks += [
        f"{UPLOADS} uploads got up to {1.5e3 * usual:.0f} ms each; {ended.count('answered')} were answered before, "
        f"{ended.count('aborted')} aborted, {ended.count('broken')} broken off by the server",
        f"{sum(shard['unnamed'] for shard in strays)} copies lay there then that no row named",
    ]
    if ended.count("aborted") < UPLOADS / 4:
        world.violated("A", f"only {ended.count('aborted')} uploads were aborted: nothing was tried")


async def _abort_all(world: World, session: aiohttp.ClientSession, targets: tuple[str, ...], usual: float) -> list[str]:
    """What became of each."""
    rest, ended = iter(range(UPLOADS)), list[str]()

    async def one_after_another() -> None:
        for number in rest:
            within = world.rng.uniform(0, 1.5 * usual)
            ended.append(await _abort(session, targets[number % len(targets)], within, world.rng))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())
    return ended


async def _abort(session: aiohttp.ClientSession, target: str, within: float, rng: random.Random) -> str:
    data = noise(rng, rng.randrange(16, 800), rng.randrange(16, 600))
    try:
        async with asyncio.timeout(within), session.post(_address(target), data=_form(data, rng)) as answer:
            await answer.read()
            return "answered"
    except TimeoutError:
        return "aborted"
    except aiohttp.ClientError:
        return "broken"


async def _whole(session: aiohttp.ClientSession, target: str, rng: random.Random) -> float:
    """Seconds that an upload takes; the picture is deleted then."""
    form = aiohttp.FormData()
    form.add_field("file", noise(rng, 400, 300), filename="a.jpg")
    form.add_field("visibility", "unlisted")
    began = time.monotonic()
    async with session.post(_address(target), data=form) as answer:
        made = await answer.json()
    took = time.monotonic() - began
    async with session.delete(
        f"{target}{IMAGES}/{made['id']}", params={"permanent": "true"}, headers={"X-Delete-Token": made["delete_token"]}
    ) as answer:
        assert answer.status == 204, await answer.text()
    return took


def _address(target: str) -> str:
    return f"{target}{IMAGES}/upload"


def _form(data: bytes, rng: random.Random) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("visibility", "unlisted")  # the workload's lists are checked: everything in them is its own
    if rng.random() < SLOW:
        form.add_field("file", _halting(data, rng.randrange(len(data))), filename="a.jpg", content_type="image/jpeg")
    else:
        form.add_field("file", data, filename="a.jpg")
    return form


async def _halting(data: bytes, at: int) -> AsyncIterator[bytes]:
    """A body that stops in the middle, until nobody waits any more."""
    yield data[:at]
    await asyncio.sleep(60)
    yield data[at:]


async def _deaths(world: World) -> None:
    for _ in range(DEATHS):
        await world.lasts(1 / DEATHS / 2)
        await world.stack.kill("write-1")
