"""Shards: they come and go, and misbehave, while people upload and look."""

import asyncio
import json
import subprocess

from tests.chaos.world import World, scenario
from tests.component.storage.proxy import Proxy
from tests.system.stack import CHITRAM

ALONE = ("--read", "3")
"""Makes a stack for these scenarios alone: they go through all that is there, and others leave thousands of images."""


@scenario(seconds=6, options=ALONE)
async def shards_come_and_go(world: World) -> None:
    """Two shards are added and the rebalancing is killed in the middle; one is drained, emptied and removed."""
    names = [shard["name"] for shard in await shards(world)]
    added = [f"new-{len(names)}-{number}" for number in range(2)]
    for name in added:
        await world.stack.command("shards", "add", name)
    with world.fault("objects move to two new shards, and whoever moves them is killed"):
        await killed_in_the_middle(world)
        await moved(world)
    await world.stack.command("shards", "drain", names[0])
    with world.fault("a shard is emptied and removed"):
        await killed_in_the_middle(world)
        await moved(world)
        await removed(world, names[0])
    # Uploads had begun before the shard was drained: what they put there has moved too, or it would not be gone.
    plan = json.loads(await world.stack.command("rebalance", "--dry-run", "--json"))
    assert plan["objects"] == 0, plan
    assert names[0] not in [shard["name"] for shard in await shards(world)]


@scenario(seconds=24, options=ALONE)
async def shard_misbehaves(world: World) -> None:
    """One shard refuses connections, hangs, crawls at 1 kB/s and answers 503, and is whole again after a scrub."""
    where = {shard["name"]: shard["url"] for shard in await shards(world)}
    name = max(where)
    host, _, bucket = where[name].removeprefix("s3://").partition("/")
    proxy = Proxy(host)
    await proxy.start()
    try:
        await world.stack.command("shards", "set", name, "--url", f"s3://{proxy.endpoint}/{bucket}")
        await misbehave(world, proxy, name)
    finally:
        await world.stack.command("shards", "set", name, "--url", where[name])
        await proxy.close()
    found = json.loads(await world.stack.command("scrub", "--json"))
    assert (found["lost"], found["unknown"]) == (0, 0), found


async def misbehave(world: World, proxy: Proxy, name: str) -> None:
    with world.fault(f"{name} refuses connections"):
        await proxy.refuse()
        await world.lasts(1 / 4)
        await proxy.start()
    with world.fault(f"{name} takes everything and answers nothing"):
        proxy.hang()
        await world.lasts(1 / 4)
        proxy.resume()
    with world.fault(f"{name} crawls at 1 kB/s"):
        proxy.slow_down(1000)
        proxy.cut()
        await world.lasts(1 / 4)
        proxy.slow_down(0)
    with world.fault(f"{name} answers 503"):
        proxy.answer(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await world.lasts(1 / 4)
        proxy.answer(b"")


async def shards(world: World) -> list[dict]:
    """What `chitram shards list` says."""
    return json.loads(await world.stack.command("shards", "list", "--json"))["shards"]


async def killed_in_the_middle(world: World) -> None:
    """Begins to rebalance, slowly, and kills it when it has moved something, if it comes so far before it ends."""
    before = await moves(world)
    process = await asyncio.create_subprocess_exec(
        *(CHITRAM, "rebalance", "--rate", "0.5"),
        cwd=world.stack.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.returncode is None and await moves(world) == before:
            await world.pause(0.1)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def moves(world: World) -> int:
    """How many moves were committed so far."""
    async with world.stack.postgres() as primary:
        return await primary.fetchval("SELECT count(*) FROM outbox WHERE type = 'image.moved.v1'")


async def moved(world: World) -> None:
    """Rebalances until nothing is left: what people change meanwhile comes again."""
    for _ in range(20):
        done = await asyncio.to_thread(world.stack.run, "rebalance", "--resume", "--json")
        if done.returncode == 0 and json.loads(done.stdout)["objects"] == 0:
            return
    raise AssertionError(f"never at an end: {done.stdout}{done.stderr}")


async def removed(world: World, name: str) -> None:
    """Removes a shard as soon as it is empty: what still lies there waits for its time."""
    for _ in range(60):
        done = await asyncio.to_thread(world.stack.run, "shards", "remove", name)
        if done.returncode == 0:
            return
        await asyncio.to_thread(world.stack.run, *("rebalance",) if "chitram rebalance" in done.stderr else ("sweep",))
        await world.pause(3.0)
    raise AssertionError(f"{name} is never empty: {done.stderr}")
