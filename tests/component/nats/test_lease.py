"""A lease is held while everything that was settled is known here, and never a moment longer."""

import pytest
from msgspec.structs import replace

from contracts.errors import Unavailable
from contracts.events import ImageDeleted
from contracts.subjects import applied
from infrastructure.nats import bucket
from infrastructure.nats import lease as lease_module
from infrastructure.nats.connection import open_nats
from infrastructure.nats.lease import elapsed, open_lease
from infrastructure.nats.tail import follow
from tests.component.nats.steps import config_for, connected, publish
from tests.events import make_event
from tests.eventually import becomes, eventually


class Reader:
    """A process that could hold a lease, and what it was asked to do."""

    def __init__(self):
        self.ready = True
        self.unsent = 0
        self.primary_is_there = True
        self.lease = None
        self.ahead = 0.0
        """Seconds by which its clock is put forward."""

    async def hear_unsent(self):
        self.unsent += 1
        if not self.primary_is_there:
            raise Unavailable

    def hear(self, delivery):
        if self.lease:
            self.lease.acknowledge(delivery)

    def follow(self, connection):
        return follow(connection, self.hear, within=20)

    def open(self, connection, tail):
        return open_lease(
            connection,
            tail,
            address="http://here",
            ready=lambda: self.ready,
            hear_unsent=self.hear_unsent,
            clock=lambda: elapsed() + self.ahead,
        )


@pytest.fixture
def config(config, monkeypatch):
    """Leases outlast what a busy machine does to their renewals, which come as soon as those of a short one.

    Who lets go of one has the time to say so.
    """
    monkeypatch.setattr(lease_module, "RENEWALS", 200)
    monkeypatch.setattr(lease_module, "RELEASE_WITHIN", 30)
    return replace(config, lease=20)


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
async def connection(config):
    async with connected(config) as connection:
        yield connection
        await connection.session().js.delete_stream(bucket.bucket_stream(config.prefix))


async def records(connection):
    """Every record of the bucket, by its key."""
    js, prefix = connection.session().js, connection.prefix
    info = await js.stream_info(bucket.bucket_stream(prefix), subjects_filter=">")
    found = {}
    for subject in info.state.subjects or ():
        message = await js.get_last_msg(bucket.bucket_stream(prefix), subject)
        found[subject.rpartition(".")[2]] = bucket.decode(message.data)
    return found


async def test_a_lease_is_a_record_while_its_process_lives(connection, reader):
    """It names the process and where it is, says how far events were applied, and is gone with the process."""
    await publish(connection, make_event())
    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        await becomes(lambda: lease.is_held, True)
        assert reader.unsent == 1
        ((holder, record),) = (await records(connection)).items()
        assert holder == lease.holder
        assert (record.address, record.sequence, record.state) == ("http://here", 1, "held")
        assert record.stream == tail.stream_made
    assert not lease.is_held
    assert await records(connection) == {}


async def test_a_lease_is_renewed(connection, reader):
    """It outlives its length without being taken anew."""
    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        await becomes(lambda: lease.is_held, True)

        async def was_renewed(times: int) -> None:
            info = await connection.session().js.stream_info(bucket.bucket_stream(connection.prefix))
            assert info.state.last_seq >= times

        for times in (3, 6, 9):
            await eventually(lambda times=times: was_renewed(times))
            reader.ahead += 0.6 * connection.lease
        await eventually(lambda: was_renewed(12))
        assert (lease.is_held, reader.unsent) == (True, 1)


async def test_what_takes_something_away_is_acknowledged(connection, reader):
    """Each deletion is, with its place in the stream; what adds something is waited for by nobody."""
    heard = []

    async def note(message):
        heard.append((message.subject, bucket.decode(message.data).sequence))

    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        reader.lease = lease
        client = connection.session().client
        await client.subscribe(applied(connection.prefix), cb=note)
        await publish(connection, make_event(), make_event(ImageDeleted))
        await becomes(lambda: heard, [(applied(connection.prefix, lease.holder), 2)])


async def test_nobody_holds_a_lease_before_it_is_ready(connection, reader):
    """Nor is there a record that others would wait for."""
    reader.ready = False
    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        await publish(connection, make_event())
        await becomes(lambda: tail.sequence, 1)
        assert (lease.is_held, await records(connection)) == (False, {})
        reader.ready = True
        await becomes(lambda: lease.is_held, True)


async def test_a_lease_waits_until_what_was_not_sent_is_known(connection, reader):
    """While the primary can't be asked, there is a record and it is not believed in."""
    reader.primary_is_there = False
    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        await becomes(lambda: reader.unsent > 1, True)
        assert not lease.is_held
        reader.primary_is_there = True
        await becomes(lambda: lease.is_held, True)


async def test_a_dropped_lease_is_taken_anew(connection, reader):
    """After catching up again."""
    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        await becomes(lambda: lease.is_held, True)
        lease.drop()
        assert not lease.is_held
        await becomes(lambda: lease.is_held, True)
        assert reader.unsent == 2


async def test_who_was_expelled_notices_and_catches_up(connection, reader):
    """A record that somebody else has written ends the lease; the next one is a new beginning."""
    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        await becomes(lambda: lease.is_held, True)
        expelled = bucket.encode(bucket.Record(None, 0, state="expelled"))
        await connection.session().js.publish(bucket.key_subject(connection.prefix, lease.holder), expelled)
        await becomes(lambda: reader.unsent >= 2, True)
        await becomes(lambda: lease.is_held, True)
        assert (await records(connection))[lease.holder].state == "held"


async def test_a_lost_connection_ends_the_lease_at_once(server, reader):
    """It is taken again on the next one, also when everything in JetStream is gone."""
    config = config_for(server, lease=60.0)
    async with (
        open_nats(config) as connection,
        reader.follow(connection) as tail,
        reader.open(connection, tail) as lease,
    ):
        await becomes(lambda: lease.is_held, True)
        server.kill()
        await becomes(lambda: lease.is_held, False)
        server.wipe()
        await server.start()
        await becomes(lambda: lease.is_held, True)
        assert reader.unsent >= 2
        assert set(await records(connection)) == {lease.holder}


async def test_a_server_that_hangs_can_not_prolong_a_lease(server, reader):
    """It runs out by itself, before anybody has noticed that the server is silent."""
    config = config_for(server, lease=0.5)
    async with (
        open_nats(config) as connection,
        reader.follow(connection) as tail,
        reader.open(connection, tail) as lease,
    ):
        await becomes(lambda: lease.is_held, True)
        await server.hang()
        await becomes(lambda: lease.is_held, False)
        server.go_on()
        await becomes(lambda: lease.is_held, True)


async def test_a_bucket_that_is_gone_is_made_again(connection, reader):
    """Whoever has deleted it."""
    async with reader.follow(connection) as tail, reader.open(connection, tail) as lease:
        await becomes(lambda: lease.is_held, True)
        await connection.session().js.delete_stream(bucket.bucket_stream(connection.prefix))
        await becomes(lambda: reader.unsent >= 2, True)
        await becomes(lambda: lease.is_held, True)
