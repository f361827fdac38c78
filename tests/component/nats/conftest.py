"""The shared server for tests that leave it alone, and one of its own for each test that doesn't."""

import pytest

from infrastructure.nats.config import NatsConfig
from tests.component.nats.server import NatsServer


@pytest.fixture
def config(nats_server, nats_prefix):
    """A corner of the shared server."""
    return NatsConfig(servers=(nats_server.url,), prefix=nats_prefix)


@pytest.fixture
def new_server(servers_directory):
    """Makes servers to be mistreated, not started yet."""
    made = []

    def make(**options):
        made.append(NatsServer(servers_directory, **options))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
async def server(new_server):
    """A running server to be mistreated."""
    server = new_server()
    await server.start()
    return server
