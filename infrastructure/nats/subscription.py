"""Handles the events of a durable consumer, each until its fate is decided.

    pull one -> decode -> handle, with heartbeats -> acknowledge: done, later, or never

Each lane holds one event at a time and asks for the next when it is done with it, so an event
waits on the server, where any free worker may take it.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import Enum

import msgspec
from nats.aio.msg import Msg

from contracts.errors import Unavailable
from contracts.events import Event
from contracts.subjects import Consumer
from infrastructure.nats.connection import Connection
from infrastructure.nats.delivery import Delivery, GivenUp, give_up, read
from infrastructure.nats.pause import Pause
from infrastructure.nats.pull import ConsumerMissingError, PullError, open_pull
from infrastructure.nats.tasks import end
from infrastructure.telemetry import metrics
from infrastructure.telemetry.request_id import request_id

PATIENCE = 4
"""An event may fail this many times more often when the failure is not its own."""

TIME_LIMIT = 300.0
GRACE = 20.0
"""Seconds: one attempt may take, and work in hand gets at the end."""

ACK, TERM, PROGRESS = b"+ACK", b"+TERM", b"+WPI"

log = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of an event. Handlers must be idempotent: DONE does not mean that it won't come
    again, because the acknowledgement may be lost."""

    DONE = "done"
    """Nothing is left to do."""
    LATER = "later"
    """Try again after a pause; given up after the consumer's `max_deliver` attempts."""
    NEVER = "never"
    """Trying again would change nothing; whoever says so has recorded why."""


Handle = Callable[[Delivery], Awaitable[Outcome]]
OnGivenUp = Callable[[GivenUp], Awaitable[None]]


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: 1, 4, 16, 64, 256, 300, spread by a fifth either way."""
    return min(4.0 ** min(attempt - 1, 5), 300.0) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load


@asynccontextmanager
async def consume(
    connection: Connection,
    consumer: Consumer,
    handle: Handle,
    *,
    concurrency: int,
    on_given_up: OnGivenUp,
    backoff: Callable[[int], float] = backoff,
    time_limit: float = TIME_LIMIT,
    grace: float = GRACE,
) -> AsyncIterator[None]:
    """Handles events while the block runs, at most `concurrency` at a time, whatever happens to the server.

    An exception in `handle` is logged and means LATER. After `max_deliver` attempts `on_given_up` is
    told and the event dropped; an `Unavailable` is the fault of something else, so it is borne four times as
    long. What can't be decoded is given up at once. When the block ends, no more events are taken and those in hand get
    `grace` seconds.
    """
    subscription = _Subscription(
        connection, consumer, handle=handle, on_given_up=on_given_up, backoff=backoff, time_limit=time_limit
    )
    lanes = [asyncio.create_task(subscription.lane()) for _ in range(concurrency)]
    beat = asyncio.create_task(subscription.beat())
    try:
        yield
    finally:
        await subscription.stop(lanes, grace)
        await end(beat)


class _Subscription:
    def __init__(
        self,
        connection: Connection,
        consumer: Consumer,
        *,
        handle: Handle,
        on_given_up: OnGivenUp,
        backoff: Callable[[int], float],
        time_limit: float,
    ) -> None:
        self._connection = connection
        self._consumer = consumer
        self._handle = handle
        self._on_given_up = on_given_up
        self._backoff = backoff
        self._time_limit = time_limit
        self._depth = metrics.queue_depth.labels(consumer.name)
        self._in_hand: dict[asyncio.Task[None] | None, Msg] = {}
        self._stopping = False

    async def lane(self) -> None:
        """One event at a time, until stopped."""
        pause = Pause()
        while not self._stopping:
            try:
                await self._pull()
            except PullError as error:
                log.info("%s: pull ended: %s", self._consumer.name, error)
                if isinstance(error, ConsumerMissingError):
                    await self._redeclare()
            except Exception:  # a mistake of ours here must not cost the lane
                log.exception("%s: lane failed", self._consumer.name)
            await pause.take()

    async def beat(self) -> None:
        """Tells the server, three times per `ack_wait`, that what is in hand is still worked on."""
        while True:
            await asyncio.sleep(self._consumer.ack_wait / 3)
            for message in tuple(self._in_hand.values()):
                if self._connection.is_connected:
                    await self._connection.session().send(message.reply, PROGRESS)

    async def stop(self, lanes: list[asyncio.Task[None]], grace: float) -> None:
        """Ends idle lanes now, the others when their event is settled or the grace is over."""
        self._stopping = True
        busy = [lane for lane in lanes if lane in self._in_hand]
        await end(*(lane for lane in lanes if lane not in busy))
        if busy:
            await asyncio.wait(busy, timeout=grace)
        await end(*busy)

    async def _pull(self) -> None:
        session = await self._connection.restored()
        async with open_pull(session, self._connection.stream, self._consumer.name) as pull:
            while not self._stopping:
                await self._settle(await pull.next())

    async def _redeclare(self) -> None:
        try:
            await self._connection.redeclare()
        except Unavailable as error:
            log.warning("%s: %s", self._consumer.name, error.detail)

    async def _settle(self, message: Msg) -> None:
        """Decides one event's fate and tells the server."""
        self._depth.set(message.metadata.num_pending)
        lane = asyncio.current_task()
        self._in_hand[lane] = message
        label, verdict = "later", _nak(0)  # what a cancelled lane leaves behind
        try:
            label, verdict = await self._decide(message)
        finally:
            await self._tell(message, verdict)
            del self._in_hand[lane]
            request_id.set(None)
            metrics.events_consumed.labels(self._consumer.name, label).inc()

    async def _decide(self, message: Msg) -> tuple[str, bytes]:
        try:
            delivery = read(message)
        except msgspec.DecodeError as error:
            log.exception("%s: event %s can't be decoded", self._consumer.name, message.metadata.sequence.stream)
            return await self._give_up(message, None, f"It can't be decoded: {error}", "undecodable")
        request_id.set(str(delivery.event.id))
        if delivery.attempt > PATIENCE * self._consumer.max_deliver:
            return await self._give_up(message, delivery.event, "Nobody who took it has come to an end with it.")
        outcome, limit, reason = await self._attempt(delivery)
        if outcome is not Outcome.LATER:
            return outcome.value, ACK if outcome is Outcome.DONE else TERM
        if delivery.attempt >= limit:
            return await self._give_up(message, delivery.event, reason)
        return "later", _nak(self._backoff(delivery.attempt))

    async def _attempt(self, delivery: Delivery) -> tuple[Outcome, int, str]:
        """The outcome of handling it once, how many attempts that outcome deserves, and what went wrong."""
        name, limit = self._consumer.name, self._consumer.max_deliver
        try:
            async with asyncio.timeout(self._time_limit):
                return await self._handle(delivery), limit, "It was put off each time."
        except Unavailable as error:
            log.warning("%s: attempt %s of %s: %s", name, delivery.attempt, delivery.event.id, error.detail)
            return Outcome.LATER, PATIENCE * limit, _reason(error)
        except Exception as error:  # the handler's, whatever it is: the event is tried again
            log.exception("%s: attempt %s of %s failed", name, delivery.attempt, delivery.event.id)
            return Outcome.LATER, limit, f"{type(error).__name__}: {error}"

    async def _give_up(
        self, message: Msg, event: Event | None, reason: str, label: str = "exhausted"
    ) -> tuple[str, bytes]:
        given_up = give_up(message, self._consumer.name, event, reason)
        log.error("%s: gave up %s after %s attempts: %s", given_up.consumer, given_up.id, given_up.attempts, reason)
        try:
            await self._on_given_up(given_up)
        except Exception:  # unrecorded it must not be dropped
            log.exception("%s: can't record that %s was given up", given_up.consumer, given_up.id)
            return "later", _nak(self._backoff(given_up.attempts))
        return label, TERM

    async def _tell(self, message: Msg, verdict: bytes) -> None:
        """Waits for a session no longer than the server waits for us; after that it delivers again anyway."""
        try:
            within = 1.0 if self._stopping else self._consumer.ack_wait
            await self._connection.send(message.reply, verdict, within=within)
        except Unavailable:
            log.warning("%s: an outcome could not be told; the event will come again", self._consumer.name)


def _nak(delay: float) -> bytes:
    return b'-NAK {"delay": %d}' % int(delay * 1e9)


def _reason(error: Unavailable) -> str:
    return error.detail if error.__cause__ is None else f"{error.detail} ({error.__cause__!r})"
