"""Metadata: the read service against a bare handler that gives the same bytes."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from sys import executable
from tempfile import TemporaryDirectory

import asyncpg
import httpx
import msgspec

from deploy.local.ports import choose
from tests.bench.figures import Figure, Side
from tests.bench.load import Load, get
from tests.bench.machine import pin
from tests.bench.plan import Plan
from tests.bench.rounds import Pair, Sample, alternate, loaded, summary
from tests.bench.spoilt import Spoilt
from tests.bench.stack import answers, running, until

IMAGES = 1_000
TARGET, WISH = 0.7, 0.8

ELSEWHERE = 'cache_requests_total{cache="redis"'
"""Questions to the shared cache, which come before any question to Postgres."""


def measure(plan: Plan, image_id: str) -> Figure:
    """Asks for the views of many copies of the image `image_id`, all of which the read service remembers."""
    primary = plan.stack.environment("write-1")["CHITRAM_POSTGRES_PRIMARY"]
    ids = asyncio.run(multiply(primary, image_id, IMAGES))
    pair = _compare(plan, remember(plan.stack.port_of("read-1"), ids))
    return Figure(
        name="Metadata GET",
        against="a bare Litestar handler with the same bytes",
        ratio=pair.by_capacity,
        by_clock=pair.by_rate,
        sides=(Side("read service", summary(pair.ours)), Side("bare handler", summary(pair.baseline))),
        target=TARGET,
        wish=WISH,
        remarks=pair.remarks,
    )


async def multiply(primary: str, image_id: str, count: int) -> list[str]:
    """Copies the row of an image, each copy under an id of its own; gives the ids."""
    connection = await asyncpg.connect(primary)
    try:
        rows = await connection.fetch(
            """
            INSERT INTO images
            SELECT (jsonb_populate_record(image, jsonb_build_object('id', gen_random_uuid()))).*
            FROM images AS image, generate_series(1, $2) WHERE image.id = $1::uuid
            RETURNING id
            """,
            image_id,
            count,
        )
    finally:
        await connection.close()
    return [str(row["id"]) for row in rows]


def remember(port: int, ids: list[str]) -> dict[str, str]:
    """Asks for every view once, so that the service has it in memory; gives them by id."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/images/") as client:
        until(lambda: client.get(ids[-1]).is_success, "the replica has the copies")
        return {image_id: client.get(image_id).raise_for_status().text for image_id in ids}


def _compare(plan: Plan, bodies: dict[str, str]) -> Pair:
    (port,) = choose(1)
    read = plan.stack.pids("read-1")
    with ExitStack() as stack:
        file = Path(stack.enter_context(TemporaryDirectory())) / "bodies.json"
        file.write_bytes(msgspec.json.encode(bodies))
        bare = stack.enter_context(running(executable, "-m", "tests.bench.bare_read", str(port), str(file)))
        until(lambda: answers(port), "the bare handler listens")
        pin([*read, bare], plan.cores.server)

        def ask(port: int, pids: list[int]) -> Sample:
            requests = [get(f"/api/v1/images/{image_id}") for image_id in bodies]
            load = Load(port=port, requests=requests, seconds=plan.seconds, core=plan.cores.client)
            return loaded(load, {"server": pids})

        asked = plan.stack.metric("read-1", ELSEWHERE)
        pair = alternate(
            lambda: ask(plan.stack.port_of("read-1"), read),
            lambda: ask(port, [bare]),
            rounds=plan.rounds,
            done=plan.done,
        )
        if plan.stack.metric("read-1", ELSEWHERE) != asked:
            raise Spoilt("not every view came from the service's own memory")
        return pair
