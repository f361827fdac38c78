"""Servers die, hang, and lose their disks; what is connected goes on without help."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from contracts.errors import Unavailable
from contracts.events import encode, event_type
from contracts.subjects import DERIVE, Consumer
from infrastructure.nats.connection import open_nats
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.subscription import Outcome, consume
from infrastructure.nats.tail import follow
from tests.component.nats.server import PASSWORD
from tests.component.nats.steps import config_for, publish
from tests.events import make_event
from tests.eventually import becomes, eventually

QUICK = Consumer("quick", DERIVE.event_types, ack_wait=60.0, max_deliver=5)


class Whole:
    """A connection with all that may live on it, and what it has seen."""

    def __init__(self, connection):
        self.connection = connection
        self.publisher = Publisher(connection, within=1.0)
        self.handled = []
        self.followed = []
        self.gaps = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, delivery):
        await self.gate.wait()
        self.handled.append((delivery.event.id, delivery.attempt))
        return Outcome.DONE

    async def on_given_up(self, delivery):
        raise AssertionError(delivery)

    def on_gap(self):
        self.gaps += 1

    async def publish(self, event):
        await self.publisher.publish(event_type(event), event.id, encode(event), "0/1")

    async def settled(self):
        """Waits until the server knows of nothing that is left to do."""

        async def settled():
            assert self.connection.is_connected
            js, stream = self.connection.session().js, self.connection.stream
            last = (await js.stream_info(stream)).state.last_seq
            info = await js.consumer_info(stream, QUICK.name)
            assert (info.delivered.stream_seq, info.num_ack_pending) == (last, 0)

        await eventually(settled)

    async def assert_goes_on(self):
        """A new event can be published and reaches the consumer and the follower."""
        event = make_event()

        async def published():
            try:
                await self.publish(event)
            except Unavailable as error:
                raise AssertionError from error

        await eventually(published)
        await becomes(lambda: (event.id, 1) in self.handled and event.id in self.followed, True)
        return event


@asynccontextmanager
async def running(config, **options):
    async with open_nats(config, consumers=(QUICK,), **options) as connection:
        whole = Whole(connection)
        async with (
            consume(connection, QUICK, whole.handle, concurrency=2, on_given_up=whole.on_given_up, grace=0.1),
            follow(connection, lambda d: whole.followed.append(d.event.id), on_gap=whole.on_gap),
        ):
            yield whole


async def test_a_killed_server_that_comes_back_is_found_again(server):
    """Publisher, consumer and follower go on by themselves and nothing is lost.

    Killed, the server may forget that something was acknowledged and deliver it again.
    """
    told = []
    options = {"on_lost": lambda: told.append("lost"), "on_restored": lambda: told.append("restored")}
    async with running(config_for(server), **options) as whole:
        before = await whole.assert_goes_on()
        server.kill()
        await becomes(lambda: whole.connection.is_connected, False)
        with pytest.raises(Unavailable):
            await whole.publish(make_event())
        await server.start()
        after = await whole.assert_goes_on()
    assert {event_id for event_id, _ in whole.handled} == {before.id, after.id}
    assert whole.followed == [before.id, after.id]
    assert whole.gaps == 0
    assert told == ["lost", "restored"]


async def test_events_published_by_others_meanwhile_are_seen(server, monkeypatch):
    """Who was cut off is given afterwards what it missed."""
    config, allowed = config_for(server), asyncio.Event()
    async with running(config) as whole:
        await whole.assert_goes_on()
        reopen = whole.connection._open

        async def hindered(session):
            await allowed.wait()
            await reopen(session)

        monkeypatch.setattr(whole.connection, "_open", hindered)
        whole.connection.session().client._transport._io_writer.transport.abort()
        await becomes(lambda: whole.connection.is_connected, False)
        missed = [make_event() for _ in range(3)]
        async with open_nats(config, consumers=(QUICK,)) as other:
            await publish(other, *missed)
        allowed.set()
        await becomes(lambda: whole.followed[1:], [event.id for event in missed])
        await becomes(lambda: sorted(whole.handled[1:]), sorted((event.id, 1) for event in missed))
    assert whole.gaps == 0


async def test_work_in_hand_over_a_restart_is_acknowledged_afterwards(server):
    """A job that was running while the server was away is told about when it is back, and isn't done again."""
    async with running(config_for(server)) as whole:
        whole.gate.clear()
        event = make_event()
        await whole.publish(event)
        await becomes(lambda: whole.followed, [event.id])
        server.stop()  # killed, it may forget what it delivered and deliver again
        await becomes(lambda: whole.connection.is_connected, False)
        whole.gate.set()
        await becomes(lambda: whole.handled, [(event.id, 1)])
        await server.start()
        await whole.settled()
    assert whole.handled == [(event.id, 1)]


async def test_a_server_that_lost_its_disk_gets_everything_declared_again(server):
    """Stream and consumers are made anew and events flow; the follower is told that it may have missed some."""
    async with running(config_for(server)) as whole:
        await whole.assert_goes_on()
        server.kill()
        server.wipe()
        await server.start()
        await whole.assert_goes_on()
        await whole.assert_goes_on()
    assert whole.gaps == 1


async def test_a_server_that_hangs_is_noticed_and_survived(server):
    """Nothing is closed and nothing answers: publishing fails in time, the loss is noticed, and work goes on after."""
    loop = asyncio.get_running_loop()
    async with running(config_for(server)) as whole:
        await whole.assert_goes_on()
        await server.hang()
        began = loop.time()
        with pytest.raises(Unavailable):
            await whole.publish(make_event())
        assert loop.time() - began < 30
        await becomes(lambda: whole.connection.is_connected, False)
        server.go_on()
        await whole.assert_goes_on()


async def test_several_deaths_in_a_row_are_survived(server):
    """The third restart is handled like the first."""
    async with running(config_for(server)) as whole:
        for _ in range(3):
            server.kill()
            await server.start()
            await whole.assert_goes_on()
    assert whole.gaps == 0


async def test_another_server_of_the_list_is_used(server, new_server):
    """One of two servers is down at the start, and the other one later."""
    other = new_server()
    async with running(config_for(server, other)) as whole:
        await whole.assert_goes_on()
        await other.start()
        server.kill()
        await whole.assert_goes_on()


async def test_a_callback_that_fails_does_no_harm(server):
    """A mistake in `on_lost` doesn't keep the connection from coming back."""
    async with running(config_for(server), on_lost=lambda: 1 / 0) as whole:
        server.kill()
        await becomes(lambda: whole.connection.is_connected, False)
        await server.start()
        await whole.assert_goes_on()


async def refusal(config, words):
    """The sentence with which a start fails, once it had the time to find out what is wrong: it has the words in it."""

    async def says_so():
        with pytest.raises(Unavailable) as caught:
            async with open_nats(config, within=0.5):
                pass
        assert words.lower() in caught.value.detail.lower()
        return caught.value.detail

    return await eventually(says_so)


async def test_a_start_without_a_server_fails_in_time(server):
    """The sentence names the variable and where was looked, and keeps the password to itself."""
    server.kill()
    sentence = await refusal(config_for(server), "connect")
    assert f"CHITRAM_NATS_SERVERS (127.0.0.1:{server.port})" in sentence
    assert PASSWORD not in sentence


async def test_a_start_waits_a_little_for_a_server_that_is_coming(server):
    """Services and servers may be started together."""
    server.kill()
    starting = asyncio.get_running_loop().call_later(0.3, lambda: asyncio.ensure_future(server.start()))
    async with open_nats(config_for(server), within=60) as connection:
        assert connection.is_connected
    assert starting.when()


async def test_wrong_credentials_stop_the_start(server):
    """The sentence says what the server said."""
    config = msgspec.structs.replace(config_for(server), servers=(f"nats://chitram:wrong@127.0.0.1:{server.port}",))
    assert await refusal(config, "Authorization Violation")


async def test_a_server_without_jetstream_stops_the_start(new_server):
    """A plain NATS server is not enough, and the start says so."""
    server = new_server(jetstream=False)
    await server.start()
    assert await refusal(config_for(server), "JetStream")


async def test_the_end_does_not_wait_for_a_server_that_is_gone(server):
    """Shutting down takes no longer than the grace and a second when there is nobody to tell."""
    loop = asyncio.get_running_loop()
    async with running(config_for(server)) as whole:
        whole.gate.clear()
        await whole.publish(make_event())
        await server.hang()
        began = loop.time()
    assert loop.time() - began < 60
    server.go_on()
