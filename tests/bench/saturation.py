"""A worker with work to do keeps the cores busy: fetching and storing one picture overlaps with rendering another."""

import time

import httpx
import psutil

from tests.bench.figures import Figure
from tests.bench.intake import upload_all
from tests.bench.plan import Plan
from tests.bench.stack import Stack, until
from tests.bench.stats import spread

CORES = 2
"""As many as the worker has processes that render."""
EACH = 30
"""Pictures that are rendered in one round."""
TARGET = 0.9


def measure(plan: Plan, photos: list[bytes]) -> Figure:
    """In each round pictures wait for a paused worker; then it works, and the cores are watched until few are left."""
    shares = []
    for number in range(plan.rounds):
        shares.append(_busy(plan.stack, photos[number * EACH : (number + 1) * EACH]))
        plan.done()
    return Figure(
        name="Cores busy while a worker renders",
        against="two cores, all of the time",
        ratio=spread(shares),
        target=TARGET,
        remarks=(f"{EACH} JPEGs of 450 kB in a round, all parts of the system on these cores.",),
    )


def _busy(stack: Stack, photos: list[bytes]) -> float:
    stack.pause("worker-1")
    try:
        with httpx.Client(base_url=f"{stack.url}/api/v1/images", timeout=10) as client:
            upload_all(client, photos)
    finally:
        stack.resume("worker-1")
    done = _rendered(stack)
    until(lambda: _rendered(stack) > done, "the worker has begun")
    began, idle = time.monotonic(), _idle()
    until(lambda: _rendered(stack) >= done + len(photos) - CORES * 2, "the worker is nearly done")
    elapsed, idle = time.monotonic() - began, _idle() - idle
    return min(1.0, ((psutil.cpu_count() or CORES) - idle / elapsed) / CORES)


def _rendered(stack: Stack) -> float:
    return stack.metric("worker-1", 'derivative_seconds_count{variant="small"}')


def _idle() -> float:
    """Seconds that cores had nothing to do, all together; waiting for a disk counts."""
    times = psutil.cpu_times()
    return times.idle + getattr(times, "iowait", 0.0)
