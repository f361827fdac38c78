"""A connection to NATS that outlives servers.

nats-py can reconnect by itself, but it closes for ever on some of the server's errors, keeps
stale requests to send them later, and waits without end for a socket whose peer hangs. So a
`Connection` is a succession of sessions. Each is one client on one TCP connection that is never
reconnected; when it is lost the next one is opened, the stream and its consumers are declared again,
and what lived on the old session is made anew by its owner.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError
from nats.js.errors import ServiceUnavailableError

from contracts.errors import Unavailable
from contracts.subjects import CONSUMERS, Consumer, stream
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.pause import Pause
from infrastructure.nats.session import Session
from infrastructure.nats.stream import declare
from infrastructure.nats.tasks import end

START_WITHIN = 5.0
DIAL_WITHIN = 3.0
"""Seconds: to the first session, and for one attempt."""

log = logging.getLogger(__name__)


class Connection:
    """Made by `open_nats`. Methods that need a server raise `Unavailable` when there is none."""

    def __init__(
        self,
        config: NatsConfig,
        consumers: Sequence[Consumer],
        on_lost: Callable[[], None],
        on_restored: Callable[[], None],
    ) -> None:
        self.prefix = config.prefix
        self.name = config.name
        self.lease = config.lease
        self.stream = stream(config.prefix)
        self._config = config
        self._consumers = consumers
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._session: Session | None = None
        self._up = asyncio.Event()
        self._declaring = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._reason = "no answer"

    @property
    def is_connected(self) -> bool:
        """A session is open. A server that hangs is noticed within three seconds."""
        return self._session is not None

    @property
    def current(self) -> Session | None:
        """The session of this moment, if there is one."""
        return self._session

    def session(self) -> Session:
        """The session of this moment."""
        if self._session is None:
            raise Unavailable("NATS can't be reached just now.")
        return self._session

    async def restored(self) -> Session:
        """Waits, for as long as it takes, until there is a session."""
        while self._session is None:
            await self._up.wait()
        return self._session

    async def redeclare(self) -> None:
        """Declares the stream and its consumers again, after somebody found one missing."""
        async with self._declaring:
            try:
                await declare(self.session().js, self._config, self._consumers)
            except (NatsError, OSError) as error:
                raise Unavailable("JetStream can't be set up just now.") from error

    async def send(self, subject: str, payload: bytes, *, within: float) -> None:
        """Publishes without an answer, as soon as there is a session; gives up after `within` seconds."""
        pause = Pause()
        try:
            async with asyncio.timeout(within):
                while True:
                    session = await self.restored()
                    if await session.send(subject, payload):
                        return
                    await pause.take()
        except TimeoutError as error:
            raise Unavailable("NATS can't be reached just now.") from error

    async def start(self, within: float) -> None:
        """Opens the first session. Raises `Unavailable`, naming the variable, when there is none in time."""
        try:
            async with asyncio.timeout(within):
                self._session = await self._dial()
        except TimeoutError:
            hosts = ", ".join(server.rpartition("@")[2] for server in self._config.servers)
            raise Unavailable(f"No NATS server of CHITRAM_NATS_SERVERS ({hosts}) is usable: {self._reason}.") from None
        self._up.set()

    async def run(self) -> None:
        """Keeps a session open until cancelled."""
        while True:
            if self._session is not None:
                session = self._session
                await session.ended()
                self._session = None
                self._up.clear()
                log.warning("NATS: connection lost")
                _tell(self._on_lost)
                self._retire(session)
            self._session = await self._dial()
            self._up.set()
            log.info("NATS: connection restored")
            _tell(self._on_restored)

    async def close(self) -> None:
        """Sends what is still buffered and closes."""
        if self._session is not None:
            self._session.end()
            self._retire(self._session)
            self._session = None
        if self._closing:
            await asyncio.wait(self._closing)

    async def _dial(self) -> Session:
        pause = Pause()
        while True:
            session = Session(Client())
            try:
                await self._open(session)
            except BaseException as error:
                self._retire(session)
                if not isinstance(error, Exception):
                    raise
                self._reason = _reason(error, session.last_error)
                log.debug("NATS: no session: %s", self._reason)
            else:
                return session
            await pause.take()

    async def _open(self, session: Session) -> None:
        async with asyncio.timeout(DIAL_WITHIN):
            await session.client.connect(
                list(self._config.servers),
                name=self._config.name,
                allow_reconnect=False,
                connect_timeout=1,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                pending_size=0,  # nothing is kept to be sent after a loss
                error_cb=session.on_error,
                closed_cb=session.on_closed,
            )
            await declare(session.js, self._config, self._consumers)

    def _retire(self, session: Session) -> None:
        task = asyncio.create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


@asynccontextmanager
async def open_nats(
    config: NatsConfig,
    *,
    consumers: Sequence[Consumer] = CONSUMERS,
    on_lost: Callable[[], None] = lambda: None,
    on_restored: Callable[[], None] = lambda: None,
    within: float = START_WITHIN,
    required: bool = True,
) -> AsyncIterator[Connection]:
    """Connects and declares the stream and `consumers`; stays connected until the block ends.

    Raises `Unavailable`, naming CHITRAM_NATS_SERVERS, when that fails for `within` seconds; where it is not
    `required` the block begins all the same, and there is a session as soon as there is a server.
    `on_lost` and `on_restored` are told of each change later on; they must not block.
    """
    connection = Connection(config, consumers, on_lost, on_restored)
    try:
        try:
            await connection.start(within)
        except Unavailable as error:
            if required:
                raise
            log.warning("%s", error)
        running = asyncio.create_task(connection.run())
        try:
            yield connection
        finally:
            await end(running)
    finally:
        await connection.close()


def _reason(error: Exception, noted: Exception | None) -> str:
    """What the server or the system said, in a few words.

    Out of servers or out of time, the driver raises an error that doesn't tell why; it noted the
    cause before.
    """
    if isinstance(error, ServiceUnavailableError):
        return "JetStream is not enabled or not ready there"
    told = noted if noted and isinstance(error, NoServersError | TimeoutError) else error
    return str(told).removeprefix("nats: ").strip("'") or type(told).__name__


def _tell(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:  # a callback's mistake must not end the supervision
        log.exception("NATS: a callback failed")
