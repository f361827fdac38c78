"""A gateway of each test's own."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import psutil
import pytest
from aiohttp import web

from deploy.local import ports
from deploy.local.part import Running
from deploy.local.servers import nginx
from tests.component.gateway import gateway
from tests.component.nginx.standin import StandIn

PICTURE = os.urandom(300_000)
TAG = '"0123abcd"'
CHECKSUM = hashlib.sha256(PICTURE).hexdigest()
MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT"


class Scene(msgspec.Struct):
    """Two read services and a write service, with nginx before them.

    The read services decide with their `answer`, and give objects with `give`; `fetched` are the requests for those.
    """

    read: StandIn
    other_read: StandIn
    write: StandIn
    server: nginx.Server
    running: Running
    client: httpx.AsyncClient

    @property
    def reads(self) -> list[web.Request]:
        """What either read service was asked to decide."""
        return [request for request in self._asked if not is_fetch(request)]

    @property
    def fetched(self) -> list[web.Request]:
        """The objects that either read service was asked for."""
        return [request for request in self._asked if is_fetch(request)]

    @property
    def _asked(self) -> list[web.Request]:
        return [*self.read.asked, *self.other_read.asked]

    def answer_reads(self, answer, give=None) -> None:
        """Both read services decide alike, and give objects alike."""
        give = give or stored
        self.read.answer = self.other_read.answer = lambda request: (
            give(request) if is_fetch(request) else answer(request)
        )

    async def reconfigure(self, **changes) -> None:
        """Gives nginx another configuration while it runs, and waits until no new request gets the old one."""
        self.server = msgspec.structs.replace(
            self.server, gateway=msgspec.structs.replace(self.server.gateway, **changes)
        )
        master = psutil.Process(self.running.process.pid)
        await asyncio.to_thread(nginx.reload, self.server, master, drained=False)


def is_fetch(request: web.Request) -> bool:
    """Whether nginx asks for an object, and not a client for a decision."""
    return request.path.startswith("/internal/objects/")


def deliver(key: str, *, placement: str = "one,two", checksum: str = CHECKSUM, **headers: str):
    """The answer of a read service that sends nginx for an object."""
    values = {
        "X-Accel-Redirect": f"/_object/{checksum}/{len(PICTURE)}/{placement}/{key}",
        "Content-Type": "image/jpeg",
        "ETag": TAG,
        "Last-Modified": MODIFIED,
        "X-Delivery-Cache-Control": "public, max-age=60",
        "X-Delivery-Disposition": 'inline; filename="a.jpg"',
    }
    return web.Response(headers=values | headers)


def stored(_: web.Request) -> web.Response:
    """The answer of a read service that has found the object to be right."""
    return web.Response(body=PICTURE, headers={"Content-Type": "application/octet-stream", "X-Request-ID": "inner"})


def new_key() -> str:
    """Name of an object that no test has asked for."""
    return f"{uuid4()}/original"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Everything started; services answer with their own name."""
    read, other_read, write = (
        StandIn(lambda _, name=name: web.Response(text=name)) for name in ("one", "two", "write")
    )
    standins = (read, other_read, write)
    for standin in standins:
        await standin.start()
    (port,) = ports.choose(1)
    behind = {"read": (read.address, other_read.address), "write": (write.address,)}
    try:
        with gateway(port, tmp_path, **behind, max_file_size=100_000) as (server, running):
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield Scene(read, other_read, write, server, running, client)
    finally:
        for standin in standins:
            await standin.stop()
