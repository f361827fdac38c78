"""The baseline of uploads: a bare loop that puts each copy and inserts a row, as a plain user of the drivers would.

`python -m tests.bench.bare_upload` takes a `Work` on standard input and answers with a `Done`, both JSON.
"""

import asyncio
import hashlib
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import uvloop
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from tests.bench.stats import percentile

TABLE = """
CREATE TABLE IF NOT EXISTS bench_upload (
    id uuid PRIMARY KEY, sha256 bytea NOT NULL, size bigint NOT NULL, content_type text NOT NULL,
    filename text NOT NULL, placement text[] NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
)
"""
INSERT = (
    "INSERT INTO bench_upload (id, sha256, size, content_type, filename, placement) VALUES ($1, $2, $3, $4, $5, $6)"
)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What to do for `seconds`: upload `photo`, `parallel` at a time, each to `copies` of the `buckets`."""

    primary: str
    endpoint: str
    access_key: str
    secret_key: str
    region: str
    buckets: list[str]
    copies: int
    photo: bytes
    parallel: int
    seconds: float


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done; times in seconds, `cpu` is that of this process."""

    uploads: int
    seconds: float
    cpu: float
    p50: float
    p99: float


async def run(work: Work) -> Done:
    """Connects, does one upload in each lane that doesn't count, then measures."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(asyncpg.create_pool(work.primary, min_size=work.parallel))
        await pool.execute(TABLE)
        s3 = await stack.enter_async_context(
            get_session().create_client(
                "s3",
                region_name=work.region,
                endpoint_url=f"http://{work.endpoint}",
                aws_access_key_id=work.access_key,
                aws_secret_access_key=work.secret_key,
                config=AioConfig(max_pool_connections=work.parallel * work.copies, s3={"addressing_style": "path"}),
            )
        )
        upload = partial(_upload, work, pool, s3)
        await asyncio.gather(*(upload() for _ in range(work.parallel)))
        times: list[float] = []
        computed, begun = time.process_time(), time.perf_counter()
        await asyncio.gather(*(_lane(upload, begun + work.seconds, times) for _ in range(work.parallel)))
        seconds = time.perf_counter() - begun
        cpu = time.process_time() - computed
    return Done(uploads=len(times), seconds=seconds, cpu=cpu, p50=percentile(times, 0.50), p99=percentile(times, 0.99))


async def _lane(upload: Callable[[], Awaitable[None]], end: float, times: list[float]) -> None:
    """One upload after the other until the time is over."""
    while (begun := time.perf_counter()) < end:
        await upload()
        times.append(time.perf_counter() - begun)


async def _upload(work: Work, pool: Any, s3: Any) -> None:
    """One PUT per copy at the same time, then one INSERT."""
    image_id = uuid4()
    placement = random.sample(work.buckets, work.copies)
    await asyncio.gather(
        *(
            s3.put_object(Bucket=bucket, Key=f"{image_id}/bench", Body=work.photo, ContentType="image/jpeg")
            for bucket in placement
        )
    )
    digest = hashlib.sha256(image_id.bytes).digest()
    await pool.execute(INSERT, image_id, digest, len(work.photo), "image/jpeg", "photo.jpg", placement)


if __name__ == "__main__":
    done = uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Work)))
    sys.stdout.buffer.write(msgspec.json.encode(done))
