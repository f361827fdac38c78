"""How long a deletion takes to be final with three read services, and whether it is: nobody may answer after the 204.

The stack is otherwise idle. What lies in between: the row is committed, the event stored by JetStream, applied by every
read service, and each has said so.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.bench.figures import Figure
from tests.bench.plan import Plan
from tests.bench.spoilt import Spoilt
from tests.bench.stack import Stack
from tests.bench.stats import percentile, spread

LIMIT = 0.015
"""Seconds: what is promised of the 99th percentile."""

READERS = 3
DELETIONS = 100
"""In one round."""

IMAGES = "/api/v1/images"


def measure(plan: Plan, photo: bytes) -> Figure:
    """A ratio of 1 or more keeps the promise. Raises `Spoilt` when a deleted image was still answered."""
    rounds: list[list[float]] = []
    with read_services(plan.stack, READERS) as ports:
        for _ in range(plan.rounds):
            rounds.append(_round(plan.stack, ports, photo))
            plan.done()
    every = [seconds * 1000 for one in rounds for seconds in one]
    return Figure(
        name=f"DELETE with {READERS} read services, idle stack",
        against=f"{LIMIT * 1000:.0f} ms at the 99th percentile",
        ratio=spread([LIMIT / percentile(one, 0.99) for one in rounds]),
        target=1.0,
        remarks=(
            f"It takes {percentile(every, 0.5):.1f} ms in the median and {percentile(every, 0.99):.1f} ms at the 99th "
            f"percentile of {len(every)} deletions. Each image was asked of every read service right after its 204, "
            f"{READERS * len(every):,} times in all: late answers 0.",
        ),
    )


@contextmanager
def read_services(stack: Stack, count: int) -> Iterator[list[int]]:
    """So many of them meanwhile, by their ports; one again at the end."""
    try:
        yield stack.scale(count)
    finally:
        stack.scale(1)


def _round(stack: Stack, ports: list[int], photo: bytes) -> list[float]:
    readers = [httpx.Client(base_url=f"http://127.0.0.1:{port}{IMAGES}", timeout=10) for port in ports]
    with httpx.Client(base_url=f"{stack.url}{IMAGES}", timeout=10) as api:
        views = [
            api.post("/upload", files={"file": ("photo.jpg", photo, "image/jpeg")}).raise_for_status().json()
            for _ in range(DELETIONS)
        ]
        for view in views:
            for reader in readers:
                _awaited(reader, view["id"])
        taken = []
        for view in views:
            began = time.perf_counter()
            api.delete(f"/{view['id']}", headers={"X-Delete-Token": view["delete_token"]}).raise_for_status()
            taken.append(time.perf_counter() - began)
            if any(reader.get(f"/{view['id']}").status_code != 404 for reader in readers):
                raise Spoilt("an image was answered after it was deleted")
    for reader in readers:
        reader.close()
    return taken


def _awaited(reader: httpx.Client, image_id: str) -> None:
    """Returns when thumbnails are made, so that nothing but the deletions is going on."""
    deadline = time.monotonic() + 60
    while (answer := reader.get(f"/{image_id}")).status_code != 200 or answer.json()["status"] != "ready":
        if time.monotonic() > deadline:
            raise Spoilt("an upload did not get ready")
        time.sleep(0.05)
