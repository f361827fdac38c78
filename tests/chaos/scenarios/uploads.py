"""Uploads that nobody sees the end of."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from statistics import median

import aiohttp

from tests.chaos.calls import IMAGES
from tests.chaos.world import READS_GO_ON, Pace, World, scenario
from tests.pictures import noise

RATE = 25
"""Uploads a second that are to be aborted: in 40 seconds 1,000."""
AT_ONCE = 8
LONGEST = 240.0
RENDERED = 900.0
"""Seconds in which they have to be aborted, and in which a busy machine has rendered the thousand that came in."""
SAMPLES = 10
"""Whole uploads that tell the usual time, up to a quarter more than which the others get."""
DEATHS = 5
"""Of the write service meanwhile, between the copies and the row: then it is the server that breaks off."""
SLOW = 0.3
"""Part of the uploads that stop in the middle of their body."""


@scenario(seconds=40, quick=8, promises=(READS_GO_ON,), pace=Pace(persons=1, readers=2, listers=1, think=0.2))
async def uploads_aborted(world: World) -> None:
    """Uploads are aborted at random moments, the write service dies five times: no stray object is left."""
    targets = (world.stack.url, world.stack.facts["endpoints"]["services"]["write-1"])
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        usual = median([await _whole(session, targets[0], world.rng) for _ in range(SAMPLES)])
        aborting = asyncio.create_task(_abort_all(world, session, targets, usual))
        for _ in range(DEATHS):
            async with world.failing("write-1", "upload.before_insert", "kill@3"):
                await world.lasts(1 / DEATHS)
        ended = await aborting
    strays = json.loads(await world.stack.command("sweep", "--dry-run", "--older-than", "0", "--json"))
    left = sum(shard["unnamed"] for shard in strays)
    await _all_rendered(world)
    world.remarks += [
        f"{sum(ended.values())} uploads got up to {1250 * usual:.0f} ms each: "
        + ", ".join(f"{number} {what}" for what, number in ended.items()),
        f"{left} copies lay there then that no row named",
    ]
    if ended["aborted"] < RATE * world.seconds or not left:
        world.violated("A", f"{ended['aborted']} uploads were aborted, {left} copies left: too little was tried")


async def _abort_all(
    world: World, session: aiohttp.ClientSession, targets: tuple[str, ...], usual: float
) -> Counter[str]:
    """What became of them. They come over about the time of the scenario, and go on until enough were aborted."""
    ended, pause, deadline = Counter[str](), AT_ONCE / RATE, time.monotonic() + LONGEST

    async def one_after_another() -> None:
        while ended["aborted"] < RATE * world.seconds and time.monotonic() < deadline:
            within = world.rng.uniform(0, 1.25 * usual)
            ended[await _abort(session, world.rng.choice(targets), within, world.rng)] += 1
            await asyncio.sleep(world.rng.uniform(0, pause))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())
    return ended


async def _abort(session: aiohttp.ClientSession, target: str, within: float, rng: random.Random) -> str:
    data = noise(rng, rng.randrange(16, 120), rng.randrange(16, 90))  # what comes in all the same has to be rendered
    try:
        async with asyncio.timeout(within), session.post(_address(target), data=_form(data, rng)) as answer:
            await answer.read()
            return "answered"
    except TimeoutError:
        return "aborted"
    except aiohttp.ClientError:
        return "broken"


async def _all_rendered(world: World) -> None:
    """Waits for what came in although its sender was gone; the audit has less patience with work than this."""
    deadline = time.monotonic() + RENDERED
    waiting = 1
    while waiting and time.monotonic() < deadline:
        await world.pause(1.0)
        async with world.stack.postgres() as primary:
            waiting = await primary.fetchval("SELECT count(*) FROM images WHERE pending AND deleted_at IS NULL")


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
