"""A change is told to everyone who may answer from memory, and everyone is waited for, or their lease."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from msgspec.structs import replace

from contracts.errors import Unavailable
from contracts.events import ImageDeleted, encode, event_type
from infrastructure.nats import bucket
from infrastructure.nats import lease as lease_module
from infrastructure.nats.audience import open_audience
from infrastructure.nats.connection import open_nats
from infrastructure.nats.holders import Holders
from infrastructure.nats.lease import open_lease
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.tail import follow
from tests.component.nats.steps import config_for, connected, once_ready
from tests.events import make_event
from tests.eventually import becomes

LONG, SHORT = 20.0, 1.2
"""Seconds that a lease lasts: one that outlasts whatever a busy machine does, and one whose end is awaited."""

short = pytest.mark.parametrize("lease", [SHORT])
"""For a test that waits for the end of a lease."""


class Reader:
    """A read service that applies what it hears, unless it is deaf."""

    def __init__(self):
        self.applied = []
        self.unsent = 0
        self.lease = None
        self.deaf = False
        self.tail = None
        self.connection = None

    def hear(self, delivery):
        self.applied.append(delivery.event)
        if self.lease:
            self.lease.acknowledge(delivery)

    @asynccontextmanager
    async def at_work(self, config):
        """Holds a lease on a connection of its own."""

        async def hear_unsent() -> None:
            self.unsent += 1

        async with (
            open_nats(config, consumers=()) as self.connection,
            follow(self.connection, self.hear, within=20) as self.tail,
            open_lease(
                self.connection, self.tail, address="", ready=lambda: True, hear_unsent=hear_unsent
            ) as self.lease,
        ):
            await becomes(lambda: self.lease.is_held, True)
            yield self


@pytest.fixture
def lease():
    return LONG


@pytest.fixture
def config(config, lease, monkeypatch):
    """Leases are renewed more often, so that none is lost when a renewal is late, and let go of in any case."""
    monkeypatch.setattr(lease_module, "RENEWALS", 10)
    monkeypatch.setattr(lease_module, "RELEASE_WITHIN", 30)
    return replace(config, lease=lease)


@pytest.fixture
async def connection(config):
    async with connected(config) as connection:
        yield connection
        await connection.session().js.delete_stream(bucket.bucket_stream(config.prefix))


@pytest.fixture
async def audience(connection):
    """It need not wait for leases from before its time: nobody else had one in this corner of the server."""
    async with open_audience(connection) as audience:
        await audience.restored()
        audience._ground.since -= connection.lease
        yield audience


@pytest.fixture
async def readers(config):
    """Two read services."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Reader().at_work(config)) for _ in range(2)]


async def keys(connection):
    return (await Holders(connection.session(), connection.prefix).call()).holders


async def test_everyone_has_heard_when_it_returns(audience, readers):
    """Many changes at once, each known to all holders."""
    events = [make_event(ImageDeleted) for _ in range(20)]

    async def tell(event):
        told = await audience.tell(event, "0/1")
        return told, [event in reader.applied for reader in readers]

    assert await asyncio.gather(*map(tell, events)) == [("heard", [True, True])] * 20


async def test_it_is_all_the_same_who_publishes_first(audience, readers, connection):
    """The relay may have been quicker, and everybody may have said so before anyone asked."""
    event = make_event(ImageDeleted)
    await Publisher(connection).publish(event_type(event), event.id, encode(event), "0/1")
    await becomes(lambda: [event in reader.applied for reader in readers], [True, True])
    assert await audience.tell(event, "0/1") == "heard"


async def test_without_holders_there_is_nobody_to_wait_for(audience):
    """The event is in the stream all the same."""
    assert await audience.tell(make_event(ImageDeleted), "0/1") == "heard"


async def test_who_has_ended_is_not_waited_for(audience, config):
    """A read service that ends properly lets go of its lease."""
    async with Reader().at_work(config):
        pass
    assert await audience.tell(make_event(ImageDeleted), "0/1") == "heard"


@short
async def test_who_has_died_is_waited_for_once(audience, connection):
    """Its lease may still be believed in; after that nobody believes in it, and its record goes."""
    record = bucket.Record(None, 0)
    await connection.session().js.publish(bucket.key_subject(connection.prefix, "dead-1"), bucket.encode(record))
    assert await audience.tell(make_event(ImageDeleted), "0/1") == "lapsed"
    assert await keys(connection) == frozenset()
    assert await audience.tell(make_event(ImageDeleted), "0/1") == "heard"


@short
async def test_who_lives_and_hears_nothing_is_expelled(audience, readers, connection, monkeypatch):
    """It does not hold a lease any more when the change is answered, though it went on renewing until then."""
    deaf, other = readers
    monkeypatch.setattr(deaf.tail, "_take", lambda _: None)
    event = make_event(ImageDeleted)
    assert await audience.tell(event, "0/1") == "expelled"
    assert event in other.applied
    assert not deaf.lease.is_held
    await becomes(lambda: other.lease.is_held, True)


@short
async def test_one_whose_word_was_lost_is_found_to_have_heard(audience, readers, monkeypatch):
    """Its next renewal says how far it is, and it keeps its lease."""
    quiet, _ = readers
    monkeypatch.setattr(quiet.lease, "acknowledge", lambda _: None)
    assert await audience.tell(make_event(ImageDeleted), "0/1") == "lapsed"
    await becomes(lambda: quiet.lease.is_held, True)
    assert quiet.unsent == 1


@short
async def test_a_bucket_made_anew_is_not_believed_at_once(audience, readers, connection):
    """Who held a lease according to the old one is still waited for."""
    await connection.session().js.delete_stream(bucket.bucket_stream(connection.prefix))
    event = make_event(ImageDeleted)
    await audience.tell(event, "0/1")
    assert [event in reader.applied or not reader.lease.is_held for reader in readers] == [True, True]


@short
async def test_a_bucket_made_anew_is_believed_by_none_of_many_changes_at_once(
    audience, readers, connection, monkeypatch
):
    """Only one of them finds out, and all wait until the forgotten leases are over."""
    for reader in readers:
        monkeypatch.setattr(reader.tail, "_take", lambda _: None)
    await connection.session().js.delete_stream(bucket.bucket_stream(connection.prefix))
    await once_ready(connection.redeclare)

    async def tell():
        await audience.tell(make_event(ImageDeleted), "0/1")
        return [reader.lease.is_held for reader in readers]

    assert await asyncio.gather(*(tell() for _ in range(5))) == [[False, False]] * 5


@short
async def test_a_stream_made_anew_is_noticed(audience, readers, connection):
    """Positions in the old one count for nothing in it; the next attempt is right again."""
    await connection.session().js.delete_stream(connection.stream)
    await once_ready(connection.redeclare)
    event = make_event(ImageDeleted)
    try:
        await audience.tell(event, "0/1")
    except Unavailable:
        await audience.restored()
        await audience.tell(event, "0/1")
    assert [event in reader.applied or not reader.lease.is_held for reader in readers] == [True, True]


@short
async def test_an_event_that_the_stream_does_not_take_costs_everyone_the_lease(audience, readers, connection):
    """Nobody can hear it, and leases are renewed all the same: they are taken away, and taken anew knowing of it."""
    js = connection.session().js
    await js.update_stream((await js.stream_info(connection.stream)).config, max_msgs=0, max_bytes=1)
    assert await audience.tell(make_event(ImageDeleted), "0/1") == "expelled"
    assert [reader.unsent > 1 or not reader.lease.is_held for reader in readers] == [True, True]


async def test_words_that_make_no_sense_are_passed_over(audience, readers, connection):
    """Whoever sends them."""
    for reader in readers:
        await connection.session().send(f"{connection.prefix}.applied.{reader.lease.holder}", b"{")
    assert await audience.tell(make_event(ImageDeleted), "0/1") == "heard"


async def test_a_loss_of_nats_is_told_at_once(server):
    """Whoever waits is not left waiting, and nothing is claimed."""
    config = config_for(server, lease=30.0)
    async with open_nats(config) as connection, open_audience(connection) as audience:
        await audience.restored()
        telling = asyncio.create_task(audience.tell(make_event(ImageDeleted), "0/1"))
        server.kill()
        with pytest.raises(Unavailable):
            await telling
        with pytest.raises(Unavailable):
            await audience.tell(make_event(ImageDeleted), "0/1")


async def test_the_first_answer_on_a_new_connection_comes_after_a_lease(server):
    """For as long, somebody may hold one that this server has forgotten."""
    config, clock = config_for(server, lease=SHORT), asyncio.get_running_loop().time
    before = clock()
    async with open_nats(config) as connection, open_audience(connection) as audience:
        for _ in range(2):
            await audience.restored()
            assert await audience.tell(make_event(ImageDeleted), "0/1") == "heard"
            assert before < audience._ground.since <= clock() - config.lease
            before = clock()
            server.kill()
            await becomes(lambda: connection.is_connected, False)
            await server.start()
