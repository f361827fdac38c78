"""NATS, the relay, and what arrives twice, late and out of order."""

import random
import shutil

import nats
from nats.js import JetStreamContext

from tests.chaos.world import READS_GO_ON, WRITES_GO_ON, World, scenario

ID, LSN = "Nats-Msg-Id", "Chitram-Lsn"
STREAM = "chitram-images"


@scenario(seconds=30, promises=(READS_GO_ON, WRITES_GO_ON))
async def nats_killed(world: World) -> None:
    """NATS is away for half a minute: uploads, changes, reads and deletions go on, and what they say comes later."""
    with world.fault("NATS is away"):
        async with world.stack.down("nats"):
            await world.lasts()


@scenario(seconds=10, promises=(READS_GO_ON,), shows={"reconciler": "R6"})
async def nats_wiped(world: World) -> None:
    """NATS loses its whole store, with events that nobody has handled: it costs time."""
    async with world.failing("worker-1", "derive.before_row", f"sleep:{world.seconds}"):
        await world.lasts(0.5)
        async with world.stack.down("nats") as directory:
            shutil.rmtree(directory)
        await world.lasts(0.5)


@scenario(seconds=12)
async def relay_killed_before_mark(world: World) -> None:
    """The relay dies each time that the stream has its events and the outbox doesn't know."""
    async with world.failing("worker-1", "relay.before_mark", "kill@2"):
        await world.lasts()


@scenario(seconds=12, options=("--worker", "2"))
async def two_relays(world: World) -> None:
    """Two workers relay at once, and both dawdle or die before they tell the outbox."""
    async with (
        world.failing("worker-1", "relay.before_mark", "kill@5"),
        world.failing("worker-2", "relay.before_mark", "sleep:0.3"),
    ):
        await world.lasts()


@scenario(seconds=12)
async def deliveries_doubled_late_and_out_of_order(world: World) -> None:
    """Old events come again, under new message ids and in any order, also when all memory of what followed is gone."""
    client = await nats.connect(world.stack.facts["endpoints"]["nats"])
    try:
        js = client.jetstream()
        with world.fault("old events are published again"):
            for turn in range(4):
                await _again(js, world.rng, count=60)
                if turn == 1:
                    await world.stack.command("restart", "read-1")
                await world.lasts(0.25)
    finally:
        await client.close()


async def _again(js: JetStreamContext, rng: random.Random, count: int) -> None:
    state = (await js.stream_info(STREAM)).state
    places = [rng.randint(state.first_seq, state.last_seq) for _ in range(count)]
    for place in places:
        old = await js.get_msg(STREAM, place)
        headers = {ID: f"again-{place}-{rng.randrange(10**9)}"} | {LSN: (old.headers or {}).get(LSN, "0/0")}
        await js.publish(old.subject or "", old.data or b"", headers=headers)
