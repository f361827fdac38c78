"""Steps that several tests take."""

from contextlib import asynccontextmanager, suppress

from nats.js.errors import NotFoundError

from contracts.errors import Unavailable
from contracts.events import encode, event_type
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import open_nats
from infrastructure.nats.publisher import Publisher
from tests.eventually import eventually


def config_for(*servers, **fields):
    """How a test reaches servers of its own."""
    return NatsConfig(servers=tuple(server.url for server in servers), prefix="mistreated", **fields)


@asynccontextmanager
async def connected(config, **options):
    """A connection whose stream is deleted in the end: it would keep its room on the disk."""
    async with open_nats(config, **options) as connection:
        yield connection
        with suppress(Unavailable, NotFoundError):
            await connection.session().js.delete_stream(connection.stream)


async def publish(connection, *events):
    """Publishes events in order."""
    publisher = Publisher(connection)
    for event in events:
        await publisher.publish(event_type(event), event.id, encode(event), "0/1")


async def once_ready(call):
    """The call, again and again while NATS is not ready: it may still be at removing what it has said is deleted."""

    async def attempt():
        try:
            return await call()
        except Unavailable as error:
            raise AssertionError from error

    return await eventually(attempt)


async def consumer_info(connection, consumer):
    """What the server knows of a consumer."""
    return await connection.session().js.consumer_info(connection.stream, consumer.name)
