"""Every event is handled until its fate is decided: done, later, or never."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from contracts.errors import Unavailable
from contracts.events import encode, event_type
from contracts.subjects import DERIVE, Consumer, subject
from infrastructure.nats.connection import open_nats
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.pull import open_pull
from infrastructure.nats.subscription import Outcome, backoff, consume
from infrastructure.telemetry import metrics
from tests.component.nats.steps import connected, consumer_info, publish
from tests.events import make_event
from tests.eventually import becomes, eventually

QUICK = Consumer("quick", DERIVE.event_types, ack_wait=3.0, max_deliver=3)
STEADY = Consumer("steady", DERIVE.event_types, ack_wait=5.0, max_deliver=3)
SLOW = Consumer("slow", DERIVE.event_types, ack_wait=300.0, max_deliver=3)


@pytest.fixture
async def connection(config):
    """A connection with a consumer that waits only a moment for an acknowledgement."""
    async with connected(config, consumers=(QUICK,)) as connection:
        yield connection


class Worker:
    """Remembers what it was given and does as it is told."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.deliveries = []
        self.exhausted = []

    async def handle(self, delivery):
        self.deliveries.append(delivery)
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome.DONE
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def on_given_up(self, delivery):
        self.exhausted.append(delivery)

    @property
    def attempts(self):
        return [delivery.attempt for delivery in self.deliveries]


@asynccontextmanager
async def working(connection, worker, consumer=QUICK, **options):
    options = {"concurrency": 1, "grace": 30.0, "backoff": lambda _: 0.01, "on_given_up": worker.on_given_up} | options
    async with consume(connection, consumer, worker.handle, **options):
        yield


async def assert_nothing_left(connection, consumer=QUICK):
    """Everything published was delivered and settled. (`num_pending` is only the server's estimate.)"""

    async def settled():
        stream = await connection.session().js.stream_info(connection.stream)
        info = await consumer_info(connection, consumer)
        assert (info.delivered.stream_seq, info.num_ack_pending) == (stream.state.last_seq, 0)

    await eventually(settled)


def counted(outcome, consumer=QUICK):
    return metrics.events_consumed.labels(consumer.name, outcome)._value.get()


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.NEVER])
async def test_a_decided_event_does_not_come_again(connection, outcome):
    """After DONE or NEVER the server has nothing left to deliver."""
    worker, event = Worker(outcome), make_event()
    async with working(connection, worker):
        await publish(connection, event)
        await assert_nothing_left(connection)
    assert [delivery.event for delivery in worker.deliveries] == [event]
    assert worker.deliveries[0].lsn == "0/1"
    assert worker.exhausted == []


@pytest.mark.parametrize("outcome", [Outcome.LATER, ValueError("broken"), TimeoutError("slow")])
async def test_a_postponed_event_comes_again(connection, outcome):
    """LATER and any exception mean another attempt, counted."""
    worker = Worker(outcome)
    async with working(connection, worker):
        await publish(connection, make_event())
        await becomes(lambda: worker.attempts, [1, 2])
        await assert_nothing_left(connection)


async def test_the_pause_before_another_attempt_is_the_backoff(connection):
    """The server holds the event back for as long as the backoff of that attempt says."""
    times = []

    async def handle(delivery):
        times.append(asyncio.get_running_loop().time())
        return Outcome.LATER if delivery.attempt == 1 else Outcome.DONE

    worker = Worker()
    worker.handle = handle
    async with working(connection, worker, backoff=lambda attempt: attempt * 0.3):
        await publish(connection, make_event())
        await becomes(lambda: len(times), 2)
    assert times[1] - times[0] >= 0.3


def test_backoff_grows_to_five_minutes():
    """The first failure costs about a second, and no pause is longer than six minutes."""
    assert 0.8 <= backoff(1) <= 1.2
    assert 12.8 <= backoff(3) <= 19.2
    assert all(240 <= backoff(attempt) <= 360 for attempt in (6, 7, 1000))


async def test_long_work_is_not_delivered_again(config):
    """Work that takes longer than the server waits is done once, because the heartbeat tells of it."""

    async def handle(delivery):
        worker.deliveries.append(delivery)
        await asyncio.sleep(1.4 * STEADY.ack_wait)
        return Outcome.DONE

    worker = Worker()
    worker.handle = handle
    async with (
        connected(config, consumers=(STEADY,)) as connection,
        working(connection, worker, STEADY, concurrency=2),
    ):
        await publish(connection, make_event())
        await becomes(lambda: len(worker.deliveries), 1)
        await assert_nothing_left(connection, STEADY)
    assert worker.attempts == [1]


async def test_the_event_of_a_worker_that_vanished_is_delivered_again(connection, config):
    """Taken and never acknowledged, over a connection that is gone: another worker gets it."""
    event, worker = make_event(), Worker()
    await publish(connection, event)
    async with (
        open_nats(config, consumers=(QUICK,)) as other,
        open_pull(other.session(), other.stream, QUICK.name) as pull,
    ):
        await pull.next()
        await other.session().client.close()
        async with working(connection, worker):
            await becomes(lambda: worker.attempts, [2])
    assert worker.deliveries[0].event == event


async def test_after_max_deliver_the_event_is_given_up(connection):
    """The last attempt's failure is recorded once, and the event is gone."""
    worker, event = Worker(*[Outcome.LATER] * 9), make_event()
    async with working(connection, worker):
        await publish(connection, event)
        await becomes(lambda: len(worker.exhausted), 1)
        await assert_nothing_left(connection)
    assert worker.attempts == [1, 2, 3]
    (given_up,) = worker.exhausted
    assert (given_up.id, given_up.event, given_up.type) == (event.id, event, event_type(event))
    assert (given_up.consumer, given_up.attempts, given_up.payload) == ("quick", 3, encode(event))
    assert given_up.reason == "It was put off each time."


async def test_giving_up_is_tried_again_when_it_can_not_be_recorded(connection):
    """An event whose end could not be recorded is not dropped."""
    worker, refusals = Worker(*[Outcome.LATER] * 9), [Unavailable()]

    async def on_given_up(delivery):
        if refusals:
            raise refusals.pop()
        worker.exhausted.append(delivery)

    async with working(connection, worker, on_given_up=on_given_up):
        await publish(connection, make_event())
        await assert_nothing_left(connection)
    assert [given_up.attempts for given_up in worker.exhausted] == [4]


async def test_what_is_not_the_events_fault_is_borne_longer(connection):
    """While something else is unavailable an event outlives its usual number of attempts."""
    worker = Worker(*[Unavailable()] * 6)
    async with working(connection, worker):
        await publish(connection, make_event())
        await becomes(lambda: worker.attempts, [1, 2, 3, 4, 5, 6, 7])
        await assert_nothing_left(connection)
    assert worker.exhausted == []


async def test_what_was_unavailable_to_the_end_is_the_reason(connection):
    """In the words of what failed, and with the cause where there is one."""

    def because(cause: Exception | None) -> Unavailable:
        error = Unavailable("varnish:6081 answers 403.")
        error.__cause__ = cause
        return error

    attempts = 4 * QUICK.max_deliver
    worker = Worker(*[because(None)] * attempts, *[because(OSError("no way"))] * attempts)
    async with working(connection, worker):
        for number in (1, 2):
            await publish(connection, make_event())
            await becomes(lambda number=number: len(worker.exhausted), number)
    said = "varnish:6081 answers 403."
    assert [given_up.reason for given_up in worker.exhausted] == [said, f"{said} (OSError('no way'))"]


async def test_an_event_that_kills_its_workers_is_given_up_unhandled(connection):
    """Delivered again and again without any outcome, it is at last not handled any more."""
    worker = Worker()
    await publish(connection, make_event())
    async with open_pull(connection.session(), connection.stream, QUICK.name) as pull:
        for _ in range(4 * QUICK.max_deliver):
            await (await pull.next()).nak()
    async with working(connection, worker):
        await becomes(lambda: len(worker.exhausted), 1)
        await assert_nothing_left(connection)
    assert worker.deliveries == []


@pytest.mark.parametrize("payload", [b"not json", b'{"type":"image.uploaded.v9"}', b""])
async def test_what_can_not_be_decoded_is_given_up_and_counted(connection, payload):
    """Bytes that are no event of ours are never retried, and the next event is handled."""
    worker, event, before, event_id = Worker(), make_event(), counted("undecodable"), uuid4()
    async with working(connection, worker):
        await Publisher(connection).publish(QUICK.event_types[0], event_id, payload, "0/1")
        await publish(connection, event)
        await assert_nothing_left(connection)
    assert [delivery.event for delivery in worker.deliveries] == [event]
    assert counted("undecodable") == before + 1
    ((given_up),) = worker.exhausted
    assert (given_up.id, given_up.event, given_up.payload) == (event_id, None, payload)
    assert given_up.reason.startswith("It can't be decoded: ")


async def test_a_message_of_a_stranger_gets_an_id_of_its_own(connection):
    """Always the same, so that it is kept once however often it is given up."""
    worker = Worker()

    async def refuse_once(given_up):
        worker.exhausted.append(given_up)
        if len(worker.exhausted) == 1:
            raise Unavailable

    async with working(connection, worker, on_given_up=refuse_once):
        await connection.session().js.publish(subject(connection.prefix, QUICK.event_types[0]), b"?")
        await assert_nothing_left(connection)
    first, second = worker.exhausted
    assert first.id == second.id


async def test_an_attempt_has_a_time_limit(connection):
    """A handler that hangs loses the event after the limit instead of holding it for ever."""
    worker = Worker()

    async def handle(delivery):
        worker.deliveries.append(delivery)
        if delivery.attempt == 1:
            await asyncio.Event().wait()
        return Outcome.DONE

    worker.handle = handle
    async with working(connection, worker, time_limit=0.05):
        await publish(connection, make_event())
        await becomes(lambda: worker.attempts, [1, 2])


async def test_no_more_than_the_agreed_number_at_once(connection):
    """With a concurrency of three, three of ten events are in hand; the rest waits where others can take it."""
    gate, busy = asyncio.Event(), []

    async def handle(delivery):
        busy.append(delivery.sequence)
        await gate.wait()
        return Outcome.DONE

    worker = Worker()
    worker.handle = handle
    async with working(connection, worker, concurrency=3):
        await publish(connection, *(make_event() for _ in range(10)))
        await becomes(lambda: len(busy), 3)
        info = await consumer_info(connection, QUICK)
        assert info.num_ack_pending == 3
        gate.set()
        await assert_nothing_left(connection)
    assert sorted(busy) == list(range(1, 11))


async def test_two_workers_share_the_events(connection):
    """Each event goes to one of them, and none to both."""
    one, two = Worker(), Worker()
    async with working(connection, one, concurrency=2), working(connection, two, concurrency=2):
        await publish(connection, *(make_event() for _ in range(40)))
        await assert_nothing_left(connection)
    sequences = [delivery.sequence for delivery in one.deliveries + two.deliveries]
    assert sorted(sequences) == list(range(1, 41))
    assert one.deliveries
    assert two.deliveries


async def test_the_end_finishes_what_is_in_hand(connection):
    """Leaving the block waits for the event that is being handled, and takes no other."""
    gate, worker = asyncio.Event(), Worker()

    async def handle(delivery):
        worker.deliveries.append(delivery)
        await gate.wait()
        return Outcome.DONE

    worker.handle = handle
    async with working(connection, worker):
        await publish(connection, make_event(), make_event())
        await becomes(lambda: len(worker.deliveries), 1)
        asyncio.get_running_loop().call_later(0.2, gate.set)

    async def is_settled():
        info = await consumer_info(connection, QUICK)
        assert (info.num_ack_pending, info.delivered.stream_seq) == (0, 1)

    await eventually(is_settled)
    assert worker.attempts == [1]


async def test_work_that_outlasts_the_grace_is_given_back_at_once(config):
    """What can't be finished in time goes to another worker without waiting for its time-out."""
    worker, other = Worker(), Worker()

    async def handle(delivery):
        worker.deliveries.append(delivery)
        await asyncio.Event().wait()

    worker.handle = handle
    async with connected(config, consumers=(SLOW,)) as connection:
        await publish(connection, make_event())
        async with working(connection, worker, SLOW, grace=0.05):
            await becomes(lambda: len(worker.deliveries), 1)
        async with working(connection, other, SLOW):
            await becomes(lambda: other.attempts, [2])


async def test_the_depth_of_the_queue_is_measured(connection):
    """The metric tells how many events wait on the server for this consumer."""
    gate = asyncio.Event()

    async def handle(_):
        await gate.wait()
        return Outcome.DONE

    worker = Worker()
    worker.handle = handle
    await publish(connection, *(make_event() for _ in range(5)))
    depth = metrics.queue_depth.labels(QUICK.name)._value
    async with working(connection, worker):
        await becomes(lambda: depth.get() in {3, 4}, True)  # the server's estimate may be one short
        gate.set()
        await becomes(depth.get, 0)


async def test_a_consumer_that_was_deleted_is_declared_again(connection):
    """Somebody deleted the consumer while events are waited for: it is made again and delivers."""
    worker = Worker()
    async with working(connection, worker):
        await publish(connection, make_event())
        await assert_nothing_left(connection)
        await connection.session().js.delete_consumer(connection.stream, QUICK.name)
        await publish(connection, make_event())
        await becomes(lambda: {delivery.sequence for delivery in worker.deliveries}, {1, 2})


async def test_only_the_consumers_own_types_arrive(connection):
    """A consumer of uploads isn't bothered with other events."""
    worker, uploaded = Worker(), make_event()
    async with working(connection, worker):
        await Publisher(connection).publish("image.deleted.v1", uuid4(), b"{}", "0/1")
        await publish(connection, uploaded)
        await assert_nothing_left(connection)
    assert [delivery.event for delivery in worker.deliveries] == [uploaded]
