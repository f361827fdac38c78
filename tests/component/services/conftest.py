"""Services of one test, in this process, on real servers in a corner of their own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import uvicorn

from infrastructure import env
from infrastructure.postgres.primary import open_primary
from infrastructure.redis import client as redis_client
from infrastructure.storage.breaker import Policy
from infrastructure.storage.config import Deadlines, StorageConfig
from infrastructure.storage.objects import Patience
from infrastructure.storage.open import Storage, open_storage
from services.read.main import open_app as open_read
from services.shared import health
from services.shared.protocol import Protocol
from services.worker.care import scrub
from services.worker.main import open_app as open_worker
from services.write.http import budget
from services.write.main import open_app as open_write
from tests.component.postgres.steps import patient
from tests.component.services.caring import Keeper
from tests.component.services.looking import upload
from tests.pictures import jpeg

Serve = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def serve(server_environment, monkeypatch) -> AsyncIterator[Serve]:
    """Starts a service, `await serve(open_app, CHITRAM_X="...")`, and gives a client of it."""
    for name, value in server_environment.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:

        async def start(open_app, **variables: str) -> httpx.AsyncClient:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            app = await stack.enter_async_context(open_app())
            return await stack.enter_async_context(client_of(app, stack))

        yield start


def client_of(app, stack: AsyncExitStack) -> httpx.AsyncClient:
    """A client of an application that a real server serves until the stack is closed."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=Protocol, ws="none", lifespan="off", log_config=None, access_log=False, timeout_keep_alive=90
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))

    async def stop() -> None:
        server.should_exit = True
        await serving

    stack.push_async_callback(stop)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=120)


@pytest.fixture
async def write(serve) -> httpx.AsyncClient:
    """The write service."""
    return await serve(open_write)


@pytest.fixture
async def read(serve) -> httpx.AsyncClient:
    """A read service."""
    return await serve(open_read)


@pytest.fixture
async def worker(serve) -> httpx.AsyncClient:
    """A worker."""
    return await serve(open_worker, CHITRAM_RENDER_PROCESSES="1", CHITRAM_ERASE_GRACE="0")


@pytest.fixture
async def storage(server_environment) -> AsyncIterator[Storage]:
    """The test's shards, to look at what is really there. One whose breaker is tripped stays avoided."""
    config = env.read(StorageConfig, server_environment)
    async with open_storage(config, policy=Policy(pause=3600)) as opened:
        yield opened


@pytest.fixture
async def keeper(database, storage) -> AsyncIterator[Keeper]:
    """Looks after the test's copies, when it is told to."""
    async with open_primary(patient(database.primary)) as primary:
        yield Keeper(primary, storage)


@pytest.fixture
async def pictures(write) -> list[dict[str, Any]]:
    """Six uploaded images that nobody has rendered."""
    return [await upload(write, jpeg(40 + number, 30)) for number in range(6)]


@pytest.fixture(autouse=True)
def unhurried(monkeypatch) -> None:
    """No server is slow and no change takes too long, however busy the machine; nothing is scrubbed in the background.

    Where a shard is slow, a copy more is left for the sweep to find. Where Redis is, a call is not counted.
    """
    monkeypatch.setattr(budget, "BUDGET", 60)
    monkeypatch.setattr(redis_client, "DEADLINE", 30)
    monkeypatch.setattr(redis_client, "START_WITHIN", 30)
    monkeypatch.setattr(health, "DEADLINE", 30)
    monkeypatch.setattr(scrub, "PAUSE", 3600)
    defaults = open_storage.__wrapped__.__kwdefaults__
    monkeypatch.setitem(defaults, "patience", Patience(put=60, get=60))
    monkeypatch.setitem(defaults, "deadlines", Deadlines(connect=30, put=60, get=60, small=30, list=60, ping=30))
