"""Uploads: the write service against a bare loop of one PUT per copy and one INSERT, on the same servers."""

import subprocess
import sys

import msgspec

from infrastructure import env
from infrastructure.storage.config import Bucket, StorageConfig, address, first_map
from tests.bench.bare_upload import Done, Work
from tests.bench.figures import Figure, Side
from tests.bench.load import GRACE, Load
from tests.bench.machine import cpu_seconds
from tests.bench.photo import DENSITY
from tests.bench.plan import Plan
from tests.bench.rounds import Sample, alternate, loaded, summary

WISH = 0.8
PARALLEL = 8
"""Uploads under way at a time, on both sides."""

BOUNDARY = "chitram-bench"


def measure(plan: Plan, photo: bytes) -> Figure:
    """Uploads a JPEG, never the same bytes. The worker is paused: rendering is no part of either side."""
    work = _work(plan, photo)
    plan.stack.pause("worker-1")
    try:
        pair = alternate(lambda: _ours(plan, photo), lambda: _bare(plan, work), rounds=plan.rounds, done=plan.done)
    finally:
        plan.stack.resume("worker-1")
    return Figure(
        name="Upload, 450 kB",
        against="one PUT per copy and one INSERT in a bare loop",
        ratio=pair.by_rate,
        sides=(Side("write service", summary(pair.ours)), Side("bare loop", summary(pair.baseline))),
        wish=WISH,
        remarks=pair.remarks,
    )


def form(photo: bytes) -> bytes:
    """The body of an upload."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(photo: bytes) -> bytes:
    """The whole request of an upload."""
    body = form(photo)
    head = (
        "POST /api/v1/images/upload HTTP/1.1\r\nhost: localhost\r\n"
        f"content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def stores(plan: Plan) -> list[int]:
    """Process ids of what both sides write to."""
    return plan.stack.pids("seaweedfs") + plan.stack.pids("postgres-primary")


def _ours(plan: Plan, photo: bytes) -> Sample:
    request = post(photo)
    load = Load(
        port=plan.stack.port_of("write-1"),
        requests=[request],
        stamp_at=request.index(photo[: DENSITY.start]) + DENSITY.start,
        status=201,
        connections=PARALLEL,
        seconds=plan.seconds,
    )
    return loaded(load, {"write service": plan.stack.pids("write-1"), "stores": stores(plan)})


def _bare(plan: Plan, work: Work) -> Sample:
    before = cpu_seconds(stores(plan))
    command = (sys.executable, "-m", "tests.bench.bare_upload")
    told = subprocess.run(
        command,
        input=msgspec.json.encode(work),
        stdout=subprocess.PIPE,
        check=True,
        timeout=work.seconds + 2 * GRACE,
        start_new_session=True,  # as in `running`
    )
    done = msgspec.json.decode(told.stdout, type=Done)
    return Sample(
        answered=done.uploads,
        rate=done.uploads / done.seconds,
        cpu={
            "bare loop": done.cpu / done.uploads,
            "stores": (cpu_seconds(stores(plan)) - before) / (done.uploads + PARALLEL),
        },
        p50=done.p50,
        p99=done.p99,
    )


def _work(plan: Plan, photo: bytes) -> Work:
    """The bare loop's task, on the servers and with the keys of the write service."""
    environment = plan.stack.environment("write-1")
    config = env.read(StorageConfig, environment)
    places = [address(shard, tls=config.tls) for shard in first_map(config).shards]
    buckets = [place for place in places if isinstance(place, Bucket)]
    return Work(
        primary=environment["CHITRAM_POSTGRES_PRIMARY"],
        endpoint=buckets[0].endpoint,
        access_key=config.access_key,
        secret_key=config.secret_key,
        region=config.region,
        buckets=[bucket.bucket for bucket in buckets],
        copies=config.copies,
        photo=photo,
        parallel=PARALLEL,
        seconds=plan.seconds,
    )
