"""A read service's lease: for as long as it is held, no change that takes something away is answered without it.

    take: put the record -> catch up with all that was published or committed until then -> held
    hold: renew the record, three times in a lease -> held -> ...

Each change waits for every record in the bucket, so whoever has put its record will be waited for; it only has to know
what was settled before. That is why it catches up after the record is there, and before it believes in it.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from nats.errors import Error as NatsError
from nats.js.api import Header
from nats.js.errors import BadRequestError, NoStreamResponseError, NotFoundError

from contracts.errors import Unavailable
from contracts.events import ImageFailed, ImageReady, ImageUploaded
from contracts.subjects import applied
from infrastructure.nats import bucket
from infrastructure.nats.connection import Connection
from infrastructure.nats.delivery import Delivery
from infrastructure.nats.pause import Pause
from infrastructure.nats.session import Session
from infrastructure.nats.tail import Tail
from infrastructure.nats.tasks import end
from infrastructure.nats.term import Attempt, Term
from infrastructure.telemetry import metrics

RENEWALS = 3.3
"""How often a lease is renewed while it lasts."""

LOOK_EVERY = 0.02
"""Seconds between looks whether this process has caught up."""

RELEASE_WITHIN = 0.5

_ADDING = (ImageUploaded, ImageReady, ImageFailed)
"""Events that take nothing away from anybody: no change waits until they are applied."""

log = logging.getLogger(__name__)


def elapsed() -> float:
    """Seconds on a clock that goes on while the machine sleeps; `time.monotonic` stands still then on Linux."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Lapsed(Exception):
    """The record isn't as this process left it: it was expelled, or has been forgotten."""


class Lease:
    """Made by `open_lease`. Without it a read service is detached: it may not answer from what it remembers."""

    def __init__(
        self,
        connection: Connection,
        tail: Tail,
        *,
        holder: str,
        address: str,
        ready: Callable[[], bool],
        hear_unsent: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self.holder = holder
        self._connection = connection
        self._tail = tail
        self._address = address
        self._ready = ready
        self._hear_unsent = hear_unsent
        self._clock = clock
        self._term = Term(connection.lease)
        self._session: Session | None = None
        self._stream: datetime | None = None
        self._due = asyncio.Event()
        self._early = asyncio.Event()

    @property
    def is_held(self) -> bool:
        """Whether every change that was answered so far has been applied here. False means detached, at once."""
        return (
            self._term.is_held(self._clock())
            and self._tail.is_attached
            and self._tail.stream_made == self._stream
            and self._connection.current is self._session
        )

    def acknowledge(self, delivery: Delivery) -> None:
        """To be called with each event, in order, after it was applied: whoever waits for it is told. Never blocks."""
        if not isinstance(delivery.event, _ADDING):
            self._due.set()

    def drop(self) -> None:
        """Gives the lease up at once, because what was applied can't be relied on. It is taken anew when it can be."""
        self._term.drop()
        self._early.set()

    async def run(self) -> None:
        """Takes the lease and holds it, again and again, until cancelled."""
        pause = Pause()
        while True:
            session = await self._connection.restored()
            try:
                await self._hold(session)
            except Lapsed:
                log.warning("the lease was taken from this process; it is taken anew")
            except (NoStreamResponseError, NotFoundError) as error:
                log.info("no lease: %s", error)
                await self._redeclare()
            except (NatsError, OSError, TimeoutError, Unavailable) as error:
                log.info("no lease: %s", error)
            except Exception:  # a mistake of ours here must not end the process
                log.exception("lease failed")
            await pause.take()

    async def _redeclare(self) -> None:
        try:
            await self._connection.redeclare()
        except Unavailable as error:
            log.warning("lease: %s", error.detail)

    async def tell(self) -> None:
        """Says how far events have been applied whenever somebody may wait for it, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            session = self._connection.current
            if session:
                await session.send(applied(self._connection.prefix, self.holder), bucket.encode(self._record()))

    async def release(self) -> None:
        """Ends the lease for good, so that nobody waits for a process that has ended."""
        self.drop()
        session = self._connection.current
        if session:
            with suppress(NatsError, OSError, TimeoutError):
                async with asyncio.timeout(RELEASE_WITHIN):
                    await self._forget(session)

    async def _hold(self, session: Session) -> None:
        """Holds a lease over one session until it can't be renewed."""
        revision: int | None = None
        session.watch(self._early.set)
        while True:
            self._early.clear()
            if not self._can_hold:
                revision = None
                await self._stand_back(session)
            attempt = self._term.attempt(self._clock())
            known, revision = revision, await self._put(session, revision)
            if known is None or not self._term.renewed(attempt, self._clock()):
                await self._take(session, attempt)
            await self._rest()

    async def _rest(self) -> None:
        """Until the next renewal is due, or something has happened to the lease."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._connection.lease / RENEWALS):
                await self._early.wait()

    async def _take(self, session: Session, attempt: Attempt) -> None:
        """Begins to believe in a record, once everything that may have been settled without it is applied."""
        async with asyncio.timeout(self._connection.lease):
            await self._hear_unsent()
            info = await session.js.stream_info(self._connection.stream)
            while not self._is_past(info.created, info.state.last_seq):  # noqa: ASYNC110 - nobody is to be told
                await asyncio.sleep(LOOK_EVERY)
        self._session, self._stream = session, info.created
        self._term.taken(attempt)

    def _is_past(self, stream: datetime | None, sequence: int) -> bool:
        return self._tail.is_attached and self._tail.stream_made == stream and self._tail.sequence >= sequence

    async def _stand_back(self, session: Session) -> None:
        """Gives up the lease until there is something to hold it with."""
        self.drop()
        await self._forget(session)
        while not self._can_hold:
            if self._connection.current is not session:
                raise Unavailable("NATS can't be reached just now.")
            await asyncio.sleep(LOOK_EVERY)

    async def _put(self, session: Session, revision: int | None) -> int:
        """Writes the record, over `revision` where that is known; gives the new revision. Raises `Lapsed`."""
        expected = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(revision)} if revision else None
        try:
            ack = await session.js.publish(
                self._subject, bucket.encode(self._record()), headers=expected, timeout=self._connection.lease
            )
        except BadRequestError:
            self.drop()
            raise Lapsed from None
        return ack.seq

    async def _forget(self, session: Session) -> None:
        await session.js.purge_stream(bucket.bucket_stream(self._connection.prefix), subject=self._subject)

    @property
    def _can_hold(self) -> bool:
        return self._tail.is_attached and self._ready()

    @property
    def _subject(self) -> str:
        return bucket.key_subject(self._connection.prefix, self.holder)

    def _record(self) -> bucket.Record:
        return bucket.Record(self._tail.stream_made, self._tail.sequence, self._address)


@asynccontextmanager
async def open_lease(
    connection: Connection,
    tail: Tail,
    *,
    address: str,
    ready: Callable[[], bool],
    hear_unsent: Callable[[], Awaitable[None]],
    clock: Callable[[], float] = elapsed,
) -> AsyncIterator[Lease]:
    """Takes a lease as soon as it can be had, and holds it while the block runs; `address` tells people whose it is.

    It is held only while `tail` is attached and `ready` says that what it told has been applied without a gap.
    `hear_unsent` applies the events that were committed and are not in the stream yet: a deletion that was
    settled while NATS was down may be among them. It is called before each taking; what it raises
    puts that off.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "_", connection.name)
    lease = Lease(
        connection,
        tail,
        holder=f"{name}-{secrets.token_hex(4)}",
        address=address,
        ready=ready,
        hear_unsent=hear_unsent,
        clock=clock,
    )
    metrics.lease_state.set_function(lambda: lease.is_held)
    tasks = [asyncio.create_task(lease.run()), asyncio.create_task(lease.tell())]
    try:
        yield lease
    finally:
        await end(*tasks)
        await lease.release()
