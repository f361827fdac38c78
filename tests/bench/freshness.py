"""How soon after its 201 an upload is seen by somebody without a token, while the replica stands still.

Each upload is looked for on the read service's own port, again and again without a pause, from the moment its answer
has come. What lies in between: the relay is woken, claims the event, has it stored by JetStream, and it is heard.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.bench.figures import Figure
from tests.bench.plan import Plan
from tests.bench.spoilt import Spoilt
from tests.bench.stack import DEADLINE, Stack
from tests.bench.stats import percentile, spread

LIMIT = 0.02
"""Seconds: what is promised of the 99th percentile."""

UPLOADS = 50
"""In one round."""


def measure(plan: Plan, photo: bytes) -> Figure:
    """A ratio of 1 or more keeps the promise."""
    rounds: list[list[float]] = []
    with standing_still(plan.stack):
        for _ in range(plan.rounds):
            rounds.append([_age_when_seen(plan.stack, photo) for _ in range(UPLOADS)])
            plan.done()
    every = [age * 1000 for one in rounds for age in one]
    return Figure(
        name="Freshness without a token, replica standing still",
        against=f"{LIMIT * 1000:.0f} ms at the 99th percentile",
        ratio=spread([LIMIT / percentile(one, 0.99) for one in rounds]),
        target=1.0,
        remarks=(
            f"Seen after {percentile(every, 0.5):.1f} ms in the median and {percentile(every, 0.99):.1f} ms at the "
            f"99th percentile of {len(every)} uploads.",
        ),
    )


@contextmanager
def standing_still(stack: Stack) -> Iterator[None]:
    """Every replica's replay is paused meanwhile."""
    stack.on_replicas("SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        stack.on_replicas("SELECT pg_wal_replay_resume()")


def _age_when_seen(stack: Stack, photo: bytes) -> float:
    with (
        httpx.Client(base_url=f"{stack.url}/api/v1/images", timeout=10) as write,
        httpx.Client(base_url=f"http://127.0.0.1:{stack.port_of('read-1')}/api/v1/images", timeout=10) as read,
    ):
        read.get("", params={"limit": "1"})  # the connection is made before the clock runs
        answer = write.post("/upload", files={"file": ("photo.jpg", photo, "image/jpeg")}).raise_for_status()
        uploaded = time.perf_counter()
        while not read.get(f"/{answer.json()['id']}").is_success:
            if time.perf_counter() - uploaded > DEADLINE:
                raise Spoilt("an upload was never seen")
        return time.perf_counter() - uploaded
