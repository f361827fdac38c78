"""Telling every read service of a change that takes something away, and knowing when all of them have heard.

    publish -> who holds a lease? -> wait for each to say that it has applied the event, or for its lease to end

The order matters. Whoever takes a lease after the bucket was read catches up with the stream, and the event is in it by
then. Holders say how far they are on a subject that this process always listens to, so it is all the same whether
the relay published the event first.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from contracts.errors import Unavailable
from contracts.events import Event, EventTooLarge, encode, event_type
from contracts.subjects import applied
from infrastructure.nats import bucket
from infrastructure.nats.connection import Connection
from infrastructure.nats.holders import Holders, Roll
from infrastructure.nats.pause import Pause
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.session import Session
from infrastructure.nats.tasks import end
from infrastructure.nats.waiting import Place, Verdict, Wait, judge

HEARD_OF = 1000
"""Holders whose last word is remembered; there are as many as read services, and now and then a new one."""

NEVER = 1 << 63
"""A place that no stream comes to."""

ATTEMPTS = 5
"""How often a record is looked at again that changes just when it is judged."""

log = logging.getLogger(__name__)


class Ground(msgspec.Struct):
    """What can be relied on while a session lasts.

    Before `since`, on the loop's clock, the server may have granted leases and forgotten them: nothing is final until
    one lease has passed.
    """

    session: Session
    holders: Holders
    since: float
    stream: datetime | None
    bucket: datetime | None


class Audience:
    """Made by `open_audience`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._publisher = Publisher(connection)
        self._clock = asyncio.get_running_loop().time
        self._ground: Ground | None = None
        self._found = asyncio.Event()
        self._lost = asyncio.Event()
        self._heard: dict[str, bucket.Record] = {}
        self._waits: set[Wait] = set()

    async def run(self) -> None:
        """Listens to what holders say, on one session after the other, until cancelled."""
        pause = Pause()
        while True:
            session = await self._connection.restored()
            try:
                await self._listen(session)
            except (NatsError, OSError) as error:
                log.info("audience: %s", error)
            except Exception:  # a mistake of ours here must not end the process
                log.exception("audience failed")
            await pause.take()

    async def restored(self) -> None:
        """Waits until holders can be heard."""
        await self._found.wait()

    async def tell(self, event: Event, lsn: str) -> str:
        """Publishes an event; returns when no read service can answer any more as if it had not happened.

        It takes a few milliseconds when all of them are well (`heard`), a lease when one of them is gone (`lapsed`),
        and two when one lives and doesn't hear (`expelled`). Raises `Unavailable` when NATS fails: then nothing is
        known.
        """
        session = self._connection.session()
        sequence = await self._publish(session, event, lsn)
        try:
            ground = await self._firm(session)
            if ground.stream is None:
                raise Unavailable
            with self._waiting(Place(ground.stream, sequence)) as wait:
                return await self._settle(ground, wait)
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable("NATS can't tell just now who holds a lease.") from error

    async def _publish(self, session: Session, event: Event, lsn: str) -> int:
        """The event's place in the stream; one that nobody reaches when the stream doesn't take it, full as it may be.

        Leases are still renewed then, so nobody may be taken for detached: all holders are expelled.
        """
        try:
            return (await self._publisher.publish(event_type(event), event.id, encode(event), lsn)).sequence
        except (Unavailable, EventTooLarge) as error:
            if self._connection.current is not session:
                raise Unavailable("The connection to NATS was lost.") from error
            log.warning("event %s can't be published: %s", event.id, error)
            return NEVER

    async def _listen(self, session: Session) -> None:
        """Until the session is lost, or nothing that was found out on it holds any more."""
        self._lost.clear()
        session.watch(self._lost.set)
        words = await session.client.subscribe(applied(self._connection.prefix), cb=self._on_word)
        try:
            holders = Holders(session, self._connection.prefix)
            stream = await session.js.stream_info(self._connection.stream)
            roll = await holders.call()
            self._ground = Ground(session, holders, self._clock(), stream.created, roll.made)
            self._found.set()
            await self._lost.wait()
        finally:
            self._lose()
            with suppress(NatsError, OSError):
                await words.unsubscribe()

    async def _on_word(self, message: Msg) -> None:
        holder = message.subject.rpartition(".")[2]
        try:
            record = bucket.decode(message.data)
        except msgspec.DecodeError:
            log.warning("audience: %s said something strange", holder)
            return
        if len(self._heard) >= HEARD_OF:
            self._heard.clear()
        self._heard[holder] = record
        for wait in self._waits:
            wait.hear(holder, record)

    def _lose(self) -> None:
        self._ground = None
        self._found.clear()
        self._lost.set()
        for wait in self._waits:
            wait.lose()

    async def _firm(self, session: Session) -> Ground:
        """The ground of this session, once it bears. Raises `Unavailable` when the session is lost before."""
        lease = self._connection.lease
        try:
            async with asyncio.timeout(lease):
                await self._found.wait()
        except TimeoutError:
            raise Unavailable("NATS can't be reached just now.") from None
        while self._ground and (rest := self._ground.since + lease - self._clock()) > 0:  # noqa: ASYNC110 - not an event
            await asyncio.sleep(rest)
        if self._ground is None or self._ground.session is not session:
            raise Unavailable("The connection to NATS was lost.")
        return self._ground

    @contextmanager
    def _waiting(self, place: Place) -> Iterator[Wait]:
        wait = Wait(place)
        self._waits.add(wait)
        try:
            yield wait
        finally:
            self._waits.discard(wait)

    async def _settle(self, ground: Ground, wait: Wait) -> str:
        roll = await self._roll(ground)
        wait.await_also(holder for holder in roll.holders if not wait.place.is_reached_by(self._heard.get(holder)))
        if await wait.over(self._clock() + self._connection.lease):
            return "heard"
        log.warning("a change has waited a lease for %s", ", ".join(sorted(wait.left)))
        await self._roll(ground)  # a bucket that was made anew meanwhile would say that all are gone
        for holder in tuple(wait.left):
            await self._examine(ground, wait, holder, roll.newest)
        expelled = bool(wait.left)
        await wait.over(self._clock() + self._connection.lease)
        return "expelled" if expelled else "lapsed"

    async def _roll(self, ground: Ground) -> Roll:
        """Who may hold a lease. A bucket that was made anew has forgotten leases, so their end is awaited first."""
        while True:
            try:
                async with asyncio.timeout(self._connection.lease):
                    roll = await ground.holders.call()
            except NotFoundError:
                await self._connection.redeclare()
                continue
            if roll.made != ground.bucket:
                ground.bucket, ground.since = roll.made, self._clock()
            elif self._clock() >= ground.since + self._connection.lease:
                return roll
            await self._firm(ground.session)  # also for who comes after the one that noticed

    async def _examine(self, ground: Ground, wait: Wait, holder: str, newest: int) -> None:
        """Decides about a holder that has kept silent; one that stays in `wait` was expelled, for a lease more."""
        for _ in range(ATTEMPTS):
            record, revision = await ground.holders.find(holder)
            match judge(record, revision, newest=newest, place=wait.place):
                case Verdict.DEAF:
                    await self._require_stream(ground)
                    if await ground.holders.expel(holder, revision):
                        log.warning("%s was expelled: it renews its lease and applies no events", holder)
                        return
                    continue
                case Verdict.LAPSED:
                    await ground.holders.remove(holder, revision)
            wait.drop(holder)
            return
        raise Unavailable(f"It can't be decided what has become of {holder}.")

    async def _require_stream(self, ground: Ground) -> None:
        """Raises `Unavailable` when the stream was made anew: then holders may have heard, and speak of another one."""
        if (await ground.session.js.stream_info(self._connection.stream)).created != ground.stream:
            self._lose()
            raise Unavailable("The stream was made anew meanwhile.")


@asynccontextmanager
async def open_audience(connection: Connection) -> AsyncIterator[Audience]:
    """Listens to the holders of leases while the block runs."""
    audience = Audience(connection)
    running = asyncio.create_task(audience.run())
    try:
        yield audience
    finally:
        await end(running)
