"""Every event from now on, for one process of its own, without acknowledgements.

    attach: make an ephemeral consumer after the last event seen -> pull -> handle -> pull ...

The consumer numbers what it sends. When a number is missing, or the connection was lost, another
consumer is made from the last event seen on; when that isn't in the stream any more, `on_gap` is told.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamInfo
from nats.js.errors import NotFoundError

from contracts.errors import Unavailable
from contracts.subjects import subject
from infrastructure.nats.connection import Connection
from infrastructure.nats.delivery import Delivery, read
from infrastructure.nats.pause import Pause
from infrastructure.nats.place import stream_id
from infrastructure.nats.pull import ConsumerMissingError, PullError, open_pull
from infrastructure.nats.session import Session
from infrastructure.nats.tasks import end
from infrastructure.telemetry import metrics

BATCH = 256
"""Messages that may wait here unhandled."""

ATTACH_WITHIN, INACTIVE = 5.0, 30.0
"""Seconds: to the first attachment, and until the server forgets a consumer nobody pulls."""

log = logging.getLogger(__name__)


class Tail:
    """Made by `follow`."""

    def __init__(
        self,
        connection: Connection,
        handle: Callable[[Delivery], None],
        on_gap: Callable[[], None],
        types: tuple[str, ...],
        place: Callable[[str, int, int], int],
    ) -> None:
        self._connection = connection
        self._types = types
        self._handle = handle
        self._choose = place
        self._on_gap = on_gap
        self._stream_made: datetime | None = None
        self._sequence = 0
        self._attached = asyncio.Event()
        self._depth = metrics.queue_depth.labels("tail")
        self._done = metrics.events_consumed.labels("tail", "done")

    @property
    def is_attached(self) -> bool:
        """Every event of the stream has been handled and new ones arrive as they are published."""
        return self._attached.is_set()

    @property
    def sequence(self) -> int:
        """Place in the stream of the last event handled."""
        return self._sequence

    @property
    def stream_made(self) -> datetime | None:
        """When the stream was made in which `sequence` is a place; None before the first attachment."""
        return self._stream_made

    async def attached(self) -> None:
        """Waits for `is_attached`."""
        await self._attached.wait()

    async def run(self) -> None:
        """Follows until cancelled."""
        pause = Pause()
        while True:
            session = await self._connection.restored()
            try:
                await self._follow(session)
            except (ConsumerMissingError, NotFoundError) as error:
                log.info("tail: %s", error)
                await self._redeclare()
            except (PullError, NatsError, OSError) as error:
                log.info("tail: %s", error)
                session.suspect()
            except Exception:  # a mistake of ours here must not end the following
                log.exception("tail failed")
            finally:
                self._attached.clear()
            await pause.take()

    async def _follow(self, session: Session) -> None:
        consumer = await self._attach(session)
        async with open_pull(session, self._connection.stream, consumer, batch=BATCH) as pull:
            expected = 1
            while True:
                message = await pull.next()
                if message.metadata.sequence.consumer != expected:
                    raise PullError("a message is missing")
                expected += 1
                self._take(message)

    async def _attach(self, session: Session) -> str:
        """Makes a consumer that begins after the last event handled; returns its name."""
        stream = self._connection.stream
        info = await session.js.stream_info(stream)
        self._place(info)
        consumer = await session.js.add_consumer(
            stream,
            ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self._sequence + 1,
                ack_policy=AckPolicy.NONE,
                filter_subjects=[subject(self._connection.prefix, kind) for kind in self._types] or None,
                inactive_threshold=INACTIVE,
                mem_storage=True,
                num_replicas=1,
            ),
        )
        if (await session.js.stream_info(stream)).created != info.created:
            raise PullError("the stream was made anew meanwhile")
        if not consumer.num_pending:
            self._attached.set()
        return consumer.name

    def _place(self, info: StreamInfo) -> None:
        """Decides where to go on: where the follower says when this is the beginning, else after the last handled."""
        first, last = info.state.first_seq, info.state.last_seq
        if self._stream_made is None:
            self._sequence = self._choose(stream_id(info.created), first, last)
        elif info.created != self._stream_made:
            self._gap("the stream was made anew", 0)
        elif last < self._sequence:
            self._gap("the stream has lost its end", last)
        elif first > self._sequence + 1:
            self._gap("events are gone from the stream", first - 1)
        self._stream_made = info.created

    def _take(self, message: Msg) -> None:
        try:
            self._handle(read(message))
            self._done.inc()
        except msgspec.DecodeError as error:
            metrics.events_consumed.labels("tail", "undecodable").inc()
            self._gap(f"an event can't be decoded: {error}", self._sequence)
        except Exception:  # the handler's; the next event may still be handled
            log.exception("tail: handling failed")
            self._gap("an event was not handled", self._sequence)
        self._sequence = message.metadata.sequence.stream
        pending = message.metadata.num_pending
        self._depth.set(pending)
        if not pending:
            self._attached.set()

    def _gap(self, why: str, sequence: int) -> None:
        log.warning("tail: %s after event %s", why, self._sequence)
        self._sequence = sequence
        try:
            self._on_gap()
        except Exception:  # the follower's; the following goes on
            log.exception("tail: on_gap failed")

    async def _redeclare(self) -> None:
        try:
            await self._connection.redeclare()
        except Unavailable as error:
            log.warning("tail: %s", error.detail)


def at_the_end(_stream: str, _first: int, last: int) -> int:
    """Begins with the next event."""
    return last


@asynccontextmanager
async def follow(
    connection: Connection,
    handle: Callable[[Delivery], None],
    *,
    on_gap: Callable[[], None] = lambda: None,
    types: tuple[str, ...] = (),
    place: Callable[[str, int, int], int] = at_the_end,
    within: float = ATTACH_WITHIN,
    required: bool = True,
) -> AsyncIterator[Tail]:
    """Calls `handle` for every event published from now on while the block runs, in the stream's order.

    With `types` it hears of events of these types only.

    `place` may let it begin earlier: it is told which stream there is and the first and last event in it, and gives the
    one to begin after. `handle` and `on_gap` must not block. `on_gap` is called when events may have been missed (their
    stream was lost, or one can't be decoded or handled): whatever was concluded from them is void.
    Raises `Unavailable` when following can't begin `within` seconds; where it is not `required` the block begins
    all the same, and events are heard as soon as they can be.
    """
    tail = Tail(connection, handle, on_gap, types, place)
    running = asyncio.create_task(tail.run())
    try:
        try:
            async with asyncio.timeout(within):
                await tail.attached()
        except TimeoutError:
            if required:
                raise Unavailable("The stream of events can't be followed.") from None
            log.warning("tail: the stream of events can't be followed yet")
        yield tail
    finally:
        await end(running)
