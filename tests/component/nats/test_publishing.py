"""A publish returns when the event is safe, and says so when it can't be."""

import asyncio
from uuid import uuid4

import msgspec
import pytest

from contracts.errors import Unavailable
from contracts.events import EventTooLarge, ImageDeleted, encode, event_type
from contracts.subjects import DUPLICATE_WINDOW
from infrastructure.nats.publisher import HEADERS_SIZE, Publisher
from tests.component.nats.steps import connected, once_ready
from tests.events import make_event


async def publish(publisher, event, payload=None):
    return await publisher.publish(event_type(event), event.id, payload or encode(event), "0/16B3748")


async def test_an_event_is_in_the_stream_with_its_position(config):
    """The message under the event's subject holds its bytes, its id and the log position of its commit."""
    event = make_event(ImageDeleted)
    async with connected(config) as connection:
        published = await publish(Publisher(connection), event)
        message = await connection.session().js.get_msg(connection.stream, published.sequence)
    assert message.subject == f"{config.prefix}.image.deleted.v1"
    assert message.data == encode(event)
    assert message.headers["Nats-Msg-Id"] == str(event.id)
    assert message.headers["Chitram-Lsn"] == "0/16B3748"


async def test_the_same_event_is_stored_once(config):
    """A second publish with the same event id is acknowledged as a duplicate and leaves nothing behind."""
    event = make_event()
    async with connected(config) as connection:
        publisher = Publisher(connection)
        first, second = await publish(publisher, event), await publish(publisher, event)
        info = await connection.session().js.stream_info(connection.stream)
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.sequence == second.sequence
    assert info.state.messages == 1


async def test_events_published_at_once_keep_their_order(config):
    """A batch sent without waiting in between arrives in the order in which it was given."""
    events = [make_event() for _ in range(50)]
    async with connected(config) as connection:
        publisher = Publisher(connection)
        published = await asyncio.gather(*(publish(publisher, event) for event in events))
    assert [each.sequence for each in published] == list(range(1, 51))


async def test_the_stream_is_what_the_design_says(config):
    """On disk, refusing when full, seven days, duplicates known for two minutes."""
    async with connected(msgspec.structs.replace(config, stream_bytes=4 << 20)) as connection:
        stream = (await connection.session().js.stream_info(connection.stream)).config
    assert (stream.storage, stream.discard, stream.retention) == ("file", "new", "limits")
    assert stream.max_age == 7 * 24 * 3600
    assert stream.duplicate_window == DUPLICATE_WINDOW
    assert stream.max_bytes == 4 << 20


async def test_a_changed_limit_is_applied_to_a_stream_that_exists(config):
    """A new version with another configuration updates the stream instead of failing on it."""
    async with connected(config) as first:
        async with connected(msgspec.structs.replace(config, stream_bytes=2 << 20)):
            stream = (await first.session().js.stream_info(first.stream)).config
        assert stream.max_bytes == 2 << 20


async def test_a_missing_stream_is_declared_again(config):
    """Somebody deleted the stream: a publish makes it again and succeeds, as soon as NATS has let go of the old one."""
    async with connected(config) as connection:
        await connection.session().js.delete_stream(connection.stream)
        assert (await once_ready(lambda: publish(Publisher(connection), make_event()))).sequence == 1


async def test_an_event_that_will_never_fit_is_told_apart_from_an_outage(config):
    """Too many bytes, with its headers, is the event's own fault; it doesn't cost the connection."""
    async with connected(config) as connection:
        publisher, session = Publisher(connection), connection.session()
        limit = session.client.max_payload
        await publish(publisher, make_event(), b"x" * (limit - HEADERS_SIZE))
        for size in (limit - HEADERS_SIZE + 1, limit, limit + 1):
            with pytest.raises(EventTooLarge, match="more than NATS takes"):
                await publish(publisher, make_event(), b"x" * size)
        assert connection.session() is session


async def test_a_full_stream_refuses(config):
    """Nothing that a consumer may still need is dropped to make room."""
    async with connected(msgspec.structs.replace(config, stream_bytes=1 << 20)) as connection:
        publisher = Publisher(connection)
        for _ in range(3):
            await publisher.publish("image.ready.v1", uuid4(), b"x" * 300_000, "0/1")
        with pytest.raises(Unavailable):
            await publisher.publish("image.ready.v1", uuid4(), b"x" * 300_000, "0/1")
        info = await connection.session().js.stream_info(connection.stream)
    assert info.state.first_seq == 1
