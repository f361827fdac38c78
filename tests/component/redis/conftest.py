"""The shared cache for tests that leave it alone, and one of its own for each test that doesn't."""

from uuid import uuid4

import pytest
from redis.asyncio import Redis

from infrastructure.redis import client
from infrastructure.redis.cache import open_cache
from infrastructure.redis.config import RedisConfig
from tests.component.redis.server import ValkeyServer


@pytest.fixture(scope="module")
def patient():
    """Answers are waited for, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "DEADLINE", 30.0)
        yield


@pytest.fixture
def unhurried(monkeypatch):
    """The deadline is one that a busy machine keeps as long as the server answers."""
    monkeypatch.setattr(client, "DEADLINE", 1.0)


@pytest.fixture
def config(redis_server, redis_prefix):
    """A corner of the shared server."""
    return RedisConfig(url=redis_server.url, prefix=redis_prefix)


@pytest.fixture
async def cache(config):
    """The cache in a corner of the shared server."""
    async with open_cache(config) as cache:
        yield cache


@pytest.fixture
async def direct(config):
    """The same server without our code in between."""
    async with Redis.from_url(config.url, driver_info=None) as redis:
        yield redis


@pytest.fixture
async def server(servers_directory):
    """A running server to be mistreated."""
    server = ValkeyServer(servers_directory)
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def own_cache(server):
    """The cache on a server to be mistreated."""
    async with open_cache(RedisConfig(url=server.url)) as cache:
        yield cache


@pytest.fixture
def image_id():
    return uuid4()
