"""Files: nginx asking the read service each time and sending from its cache, against nginx just sending files."""

from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.bench.figures import Figure, Side
from tests.bench.load import Load, get
from tests.bench.machine import pin, written
from tests.bench.plan import Plan
from tests.bench.rounds import Sample, alternate, loaded, summary
from tests.bench.spoilt import Spoilt

NAME = "File GET, 450 kB"
TARGET, WISH = 0.4, 0.5

DECISIONS = 'http_requests_total{endpoint="/api/v1/images/{image_id}/file",method="GET",status="200"}'
"""The read service's count of decisions, as its `/metrics` names it."""

MOST_FROM_SHARDS = 0.01
"""SeaweedFS may have written so little of what was sent, logs for example, when no object comes from it."""


def measure(plan: Plan, ids: list[str], files: list[bytes]) -> Figure:
    """Fetches uploaded originals, and the same bytes from a directory, through the same nginx."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        for number, data in enumerate(files):
            (directory / f"{number}.jpg").write_bytes(data)
        port = plan.stack.serve_statically(directory)
        pin(plan.stack.pids("nginx"), plan.cores.server)
        pin(plan.stack.pids("read-1"), plan.cores.second)
        _fill_cache(plan, ids)
        pair = alternate(
            lambda: _decided(plan, ids, len(files[0])),
            lambda: _static(plan, port, len(files)),
            rounds=plan.rounds,
            done=plan.done,
        )
    return Figure(
        name=NAME,
        against="the same nginx serving the same files from disk",
        ratio=pair.by_capacity,
        by_clock=pair.by_rate,
        sides=(Side("nginx and read service", summary(pair.ours)), Side("nginx alone", summary(pair.baseline))),
        target=TARGET,
        wish=WISH,
        remarks=pair.remarks,
    )


def _decided(plan: Plan, ids: list[str], size: int) -> Sample:
    """One round of ours, with files of `size` bytes. Raises `Spoilt` when one was sent in another way than meant."""
    shards = plan.stack.pids("seaweedfs")
    decisions, before = plan.stack.metric("read-1", DECISIONS), written(shards)
    requests = [get(f"/api/v1/images/{image_id}/file") for image_id in ids]
    load = Load(port=plan.stack.port, requests=requests, seconds=plan.seconds, core=plan.cores.client)
    sample = loaded(load, {"nginx": plan.stack.pids("nginx"), "read service": plan.stack.pids("read-1")})
    decided = plan.stack.metric("read-1", DECISIONS) - decisions
    if decided != sample.answered:
        raise Spoilt(f"{sample.answered} files were sent, but the read service decided on {decided:.0f}")
    if written(shards) - before > MOST_FROM_SHARDS * sample.answered * size:
        raise Spoilt("objects came from the shards, not from nginx's cache")
    return sample


def _fill_cache(plan: Plan, ids: list[str]) -> None:
    for image_id in ids:
        httpx.get(f"{plan.stack.url}/api/v1/images/{image_id}/file").raise_for_status()


def _static(plan: Plan, port: int, count: int) -> Sample:
    requests = [get(f"/{number}.jpg") for number in range(count)]
    load = Load(port=port, requests=requests, seconds=plan.seconds, core=plan.cores.client)
    return loaded(load, {"nginx": plan.stack.pids("nginx")})
