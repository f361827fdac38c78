"""Metadata GETs while images change all the time, against the same while nothing changes.

A hundred of ten thousand images get a new version every second, as the ledger writes it: row and event in one
transaction. All of them are asked for, so what changed is asked for too. In the quiet rounds the overlay is empty: it
is as if there were none.
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from sys import executable
from tempfile import TemporaryDirectory

import msgspec

from tests.bench.figures import Figure, Side
from tests.bench.load import Load, get
from tests.bench.machine import pin
from tests.bench.metadata import multiply, remember
from tests.bench.plan import Plan
from tests.bench.rounds import Sample, alternate, loaded, summary
from tests.bench.stack import running

IMAGES = 10_000
A_SECOND = IMAGES // 100
TARGET = 0.8


def measure(plan: Plan, image_id: str) -> Figure:
    """Asks for the views of many copies of the image `image_id`."""
    primary = plan.stack.environment("write-1")["CHITRAM_POSTGRES_PRIMARY"]
    ids = asyncio.run(multiply(primary, image_id, IMAGES))
    remember(plan.stack.port_of("read-1"), ids)
    read = plan.stack.pids("read-1")
    pin(read, plan.cores.server)
    load = Load(
        port=plan.stack.port_of("read-1"),
        requests=[get(f"/api/v1/images/{each}") for each in ids],
        seconds=plan.seconds,
        core=plan.cores.client,
    )

    def ask() -> Sample:
        return loaded(load, {"server": read})

    with TemporaryDirectory() as directory:
        file = Path(directory) / "ids.json"
        file.write_bytes(msgspec.json.encode(ids))

        def ask_while_changing() -> Sample:
            with ExitStack() as stack:
                stack.enter_context(running(executable, "-m", "tests.bench.changes", primary, str(file), str(A_SECOND)))
                return ask()

        pair = alternate(ask_while_changing, ask, rounds=plan.rounds, done=plan.done)
    return Figure(
        name="Metadata GET while 1 % of the images change each second",
        against="the same while nothing changes",
        ratio=pair.by_capacity,
        by_clock=pair.by_rate,
        sides=(Side("changing", summary(pair.ours)), Side("quiet", summary(pair.baseline))),
        target=TARGET,
        remarks=pair.remarks,
    )
