"""A follower sees every event from now on, in order, whatever happens in between."""

from uuid import uuid4

import pytest

from contracts.errors import Unavailable
from contracts.events import ImageChanged, ImageDeleted
from infrastructure.nats import tail as tail_module
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import open_nats
from infrastructure.nats.place import stream_place
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.pull import Pull
from infrastructure.nats.tail import follow
from tests.component.nats.server import NatsServer
from tests.component.nats.steps import connected, once_ready, publish
from tests.events import make_event
from tests.eventually import becomes, eventually


@pytest.fixture
async def connection(config):
    async with connected(config) as connection:
        yield connection


class Follower:
    """Remembers what it was given."""

    def __init__(self):
        self.deliveries = []
        self.gaps = 0

    def on_gap(self):
        self.gaps += 1

    @property
    def events(self):
        return [delivery.event for delivery in self.deliveries]

    def follow(self, connection, **options):
        return follow(connection, self.deliveries.append, on_gap=self.on_gap, **options)


async def test_a_follower_sees_what_is_published_from_now_on(connection):
    """All types arrive in the stream's order with their log position; what was there before does not."""
    follower = Follower()
    await publish(connection, make_event())
    later = [make_event(), make_event(ImageChanged), make_event(ImageDeleted)]
    async with follower.follow(connection) as tail:
        assert tail.is_attached
        await publish(connection, *later)
        await becomes(lambda: follower.events, later)
        assert tail.sequence == 4
    assert {delivery.lsn for delivery in follower.deliveries} == {"0/1"}
    assert follower.gaps == 0


async def test_every_follower_sees_everything(connection):
    """Followers don't share events as consumers do."""
    one, two = Follower(), Follower()
    events = [make_event() for _ in range(20)]
    async with one.follow(connection), two.follow(connection):
        await publish(connection, *events)
        await becomes(lambda: (one.events, two.events), (events, events))


async def test_more_events_than_are_pulled_at_once(connection, monkeypatch):
    """A follower asks again and again; nothing is lost between two pulls."""
    monkeypatch.setattr(tail_module, "BATCH", 3)
    follower, events = Follower(), [make_event() for _ in range(20)]
    async with follower.follow(connection):
        await publish(connection, *events)
        await becomes(lambda: follower.events, events)


async def test_a_follower_may_begin_earlier(connection):
    """It is told which stream there is and which events are in it, and says after which to begin."""
    follower, events = Follower(), [make_event() for _ in range(4)]
    await publish(connection, *events)
    asked = []

    def place(stream, first, last):
        asked.append((stream, first, last))
        return 2

    async with follower.follow(connection, place=place):
        await becomes(lambda: follower.events, events[2:])
    assert asked == [((await stream_place(connection))[0], 1, 4)]
    assert await stream_place(connection) == (asked[0][0], 4)


async def test_a_handler_that_fails_is_called_for_the_next_event_and_told_of_a_gap(connection):
    """One event that can't be handled doesn't end the following; whatever it should have done is not done."""
    seen, events, gaps = [], [make_event(), make_event()], []

    def handle(delivery):
        seen.append(delivery.event)
        raise ValueError("broken")

    async with follow(connection, handle, on_gap=lambda: gaps.append(1)):
        await publish(connection, *events)
        await becomes(lambda: seen, events)
        await becomes(lambda: len(gaps), 2)


async def test_an_event_that_can_not_be_decoded_is_a_gap(connection):
    """Something happened and nobody knows to which image, so the follower is told to trust nothing old."""
    follower, event = Follower(), make_event()
    async with follower.follow(connection):
        await Publisher(connection).publish("image.uploaded.v9", uuid4(), b'{"type":"image.uploaded.v9"}', "0/1")
        await publish(connection, event)
        await becomes(lambda: follower.events, [event])
    assert follower.gaps == 1


async def test_a_follower_whose_consumer_is_gone_goes_on_where_it_was(connection):
    """The server forgot the consumer: nothing is missed and nothing seen twice."""
    follower, events = Follower(), [make_event() for _ in range(4)]
    js, stream = connection.session().js, connection.stream
    async with follower.follow(connection):
        await publish(connection, *events[:2])
        await becomes(lambda: follower.events, events[:2])
        [consumer] = [each.name for each in await js.consumers_info(stream) if not each.config.durable_name]
        await js.delete_consumer(stream, consumer)
        await publish(connection, *events[2:])
        await becomes(lambda: follower.events, events)
    assert follower.gaps == 0


async def test_a_message_lost_on_the_way_is_fetched_again(connection, monkeypatch):
    """A hole in the numbering is noticed and filled."""
    follower, events = Follower(), [make_event() for _ in range(5)]
    whole, lost = Pull.next, []

    async def leaking(pull):
        message = await whole(pull)
        if message.metadata.sequence.stream == 3 and not lost:
            lost.append(message)
            return await whole(pull)
        return message

    monkeypatch.setattr(Pull, "next", leaking)
    async with follower.follow(connection):
        await publish(connection, *events)
        await becomes(lambda: follower.events, events)
    assert lost


async def test_events_that_left_the_stream_unseen_are_a_gap(connection):
    """What aged away while nobody followed can't be fetched; the follower is told and goes on with the rest."""
    follower, events = Follower(), [make_event() for _ in range(5)]
    js, stream = connection.session().js, connection.stream
    async with follower.follow(connection) as tail:
        await publish(connection, events[0])
        await becomes(lambda: follower.events, events[:1])
        await publish(connection, *events[1:])
        await becomes(lambda: tail.sequence, 5)
        tail._sequence = 1  # as if it had been away since
        follower.deliveries.clear()
        await js.purge_stream(stream, seq=4)
        await drop_consumer(js, stream)
        await becomes(lambda: follower.events, events[3:])
    assert follower.gaps == 1


async def test_a_stream_that_lost_its_end_is_a_gap(connection):
    """A server restored from an older copy gives old numbers to new events."""
    follower, event = Follower(), make_event()
    js, stream = connection.session().js, connection.stream
    async with follower.follow(connection) as tail:
        tail._sequence = 100  # as seen before the loss
        await drop_consumer(js, stream)
        await becomes(lambda: follower.gaps, 1)
        await publish(connection, event)
        await becomes(lambda: follower.events, [event])


async def test_a_stream_made_anew_is_a_gap_and_followed_from_its_beginning(connection):
    """The stream was deleted and declared again: its events are seen although their numbers are old."""
    follower, events = Follower(), [make_event() for _ in range(4)]
    async with follower.follow(connection):
        await publish(connection, *events[:2])
        await becomes(lambda: follower.events, events[:2])
        await connection.session().js.delete_stream(connection.stream)
        await once_ready(connection.redeclare)
        await publish(connection, *events[2:])
        await becomes(lambda: follower.events, events)
    assert follower.gaps == 1


async def test_a_stream_that_is_missing_is_declared_again(connection):
    """Nobody else publishes or consumes: the follower itself sees to it that there is something to follow."""
    follower, js = Follower(), connection.session().js
    async with follower.follow(connection) as tail:

        async def follows():
            assert [each.num_waiting for each in await js.consumers_info(connection.stream) if each.num_waiting] == [1]

        await eventually(follows)
        await js.delete_stream(connection.stream)
        await becomes(lambda: (follower.gaps, tail.is_attached), (1, True))


async def test_a_mistake_in_on_gap_does_not_end_the_following(connection):
    """Its error is logged, and the next event arrives."""
    seen, event = [], make_event()
    async with follow(connection, lambda delivery: seen.append(delivery.event), on_gap=lambda: 1 / 0):
        await Publisher(connection).publish("image.uploaded.v9", uuid4(), b"", "0/1")
        await publish(connection, event)
        await becomes(lambda: seen, [event])


async def test_following_that_can_not_begin_says_so(connection, monkeypatch):
    """Without a usable stream the start fails in time instead of pretending."""

    async def refuse(*_):
        raise OSError

    monkeypatch.setattr(tail_module.Tail, "_attach", refuse)
    with pytest.raises(Unavailable, match="can't be followed"):
        async with Follower().follow(connection, within=0.1):
            pass


async def drop_consumer(js, stream):
    """Deletes the follower's consumer, so that it has to look where it stands."""
    [consumer] = [each.name for each in await js.consumers_info(stream) if not each.config.durable_name]
    await js.delete_consumer(stream, consumer)


async def test_a_follower_that_can_wait_begins_without_a_server(tmp_path):
    """Where NATS is not required the block begins at once, and events are heard once there is a server."""
    server = NatsServer(tmp_path)
    heard = []
    async with (
        open_nats(NatsConfig(servers=(server.url,)), within=0.2, required=False) as connection,
        follow(connection, heard.append, within=0.2, required=False) as tail,
    ):
        assert not tail.is_attached
        await server.start()
        await becomes(lambda: tail.is_attached, True)
        await publish(connection, make_event())
        await becomes(lambda: len(heard), 1)
    server.kill()
