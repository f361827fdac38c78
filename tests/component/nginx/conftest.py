"""A gateway of each test's own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import psutil
import pytest
from aiohttp import web

from deploy.local import leftovers, ports
from deploy.local.part import Running, start, wait_ready
from deploy.local.servers import nginx
from infrastructure.nginx.render import Gateway
from tests.component.nginx.standin import StandIn

PICTURE = os.urandom(300_000)
TAG = '"0123abcd"'
MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT"


class Scene(msgspec.Struct):
    """Two read services, a write service, two buckets' server and a directory, with nginx before them."""

    read: StandIn
    other_read: StandIn
    write: StandIn
    shard: StandIn
    directory: Path
    server: nginx.Server
    running: Running
    client: httpx.AsyncClient

    @property
    def reads(self) -> list[web.Request]:
        """What either read service was asked."""
        return [*self.read.asked, *self.other_read.asked]

    def answer_reads(self, answer) -> None:
        """Both read services answer alike."""
        self.read.answer = self.other_read.answer = answer

    async def reconfigure(self, **changes) -> None:
        """Gives nginx another configuration while it runs, and waits until no new request gets the old one."""
        self.server = msgspec.structs.replace(
            self.server, gateway=msgspec.structs.replace(self.server.gateway, **changes)
        )
        master = psutil.Process(self.running.process.pid)
        await asyncio.to_thread(nginx.reload, self.server, master, drained=False)


def deliver(key: str, *, bucket: str = "shard-1", attempt: int = 1, shard: StandIn | None = None, **headers: str):
    """The answer of a read service that sends nginx for an object: to a bucket of `shard`, else to the directory."""
    place = (
        f"/_s3/{attempt}/{shard.address}/{bucket}/{key}?X-Amz-Signature=s" if shard else f"/_file/{attempt}/disk/{key}"
    )
    values = {
        "X-Accel-Redirect": place,
        "Content-Type": "image/jpeg",
        "ETag": TAG,
        "Last-Modified": MODIFIED,
        "X-Delivery-Cache-Control": "public, max-age=60",
        "X-Delivery-Disposition": 'inline; filename="a.jpg"',
    }
    return web.Response(headers=values | headers)


def stored(_: web.Request) -> web.Response:
    """The answer of a shard that has the object, with headers that are nobody's business."""
    headers = {"ETag": '"of-the-shard"', "x-amz-request-id": "1", "Content-Type": "text/html", "Set-Cookie": "a=b"}
    return web.Response(
        body=PICTURE, headers=headers | {"Cache-Control": "no-store", "Last-Modified": "Sun, 01 Jan 2023 00:00:00 GMT"}
    )


def new_key() -> str:
    """Name of an object that no test has asked for."""
    return f"{uuid4()}/original"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Everything started; services answer with their own name, the shard with `PICTURE`."""
    read, other_read, write = (
        StandIn(lambda _, name=name: web.Response(text=name)) for name in ("one", "two", "write")
    )
    shard = StandIn(stored)
    standins = (read, other_read, write, shard)
    for standin in standins:
        await standin.start()
    directory = tmp_path / "disk"
    directory.mkdir()
    (port,) = ports.choose(1)
    server = nginx.Server(
        name="nginx",
        directory=tmp_path / "nginx",
        config=tmp_path / "nginx.conf",
        gateway=Gateway(
            listen=f"127.0.0.1:{port}",
            read=(read.address, other_read.address),
            write=(write.address,),
            endpoints=(shard.address,),
            directories={"disk": directory},
            max_file_size=100_000,
            state=tmp_path / "nginx",
            cache=tmp_path / "cache",
            user=nginx.this_user(),
            workers="1",
            open_files=1024,
        ),
    )
    running = start(nginx.part(server), tmp_path / "nginx.log")
    try:
        wait_ready(running)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield Scene(read, other_read, write, shard, directory, server, running, client)
    finally:
        leftovers.end(leftovers.find(server.directory), wish=signal.SIGTERM)
        running.process.wait(10)
        for standin in standins:
            await standin.stop()
